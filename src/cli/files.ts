/**
 * Helpers for files.
 * @module
 */
import { lstatSync, rmdirSync, rmSync } from "node:fs";

/** Whether a file or folder exists at this path. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Removes a file, if it exists. */
export function remove(path: string): void {
  rmSync(path, { force: true });
}

/** Removes a folder, if it is empty. */
export function removeEmptyFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch { /* it does not exist, or has other files */ }
}
