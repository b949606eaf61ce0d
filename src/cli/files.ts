/**
 * Helpers for files.
 * @module
 */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { codeOf } from "./cli_error.ts";

/**
 * A temporary file that nobody has written to for this time was left by a process that has ended, ms. It is replaced.
 */
const STALE_MS = 10_000;
/** How often this process checks whether the other one has finished, ms. */
const POLL_MS = 20;
/** The mode of a new file. */
const MODE = 0o644;

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

/**
 * Replaces a file as a whole: whoever reads it finds the old text or the new one, also after a power failure. `textOf`
 * is called while nobody else replaces the file; `null` leaves it as it is. Returns false if another process is
 * replacing it just now.
 * @throws what the file system, or `textOf`, throws. Then the file is as it was.
 */
export function replaceFile(path: string, textOf: () => string | null): boolean {
  const mode = replacedMode(path);
  if (mode === null) {
    const text = textOf();
    if (text !== null) writeFileSync(path, text);
    return true;
  }
  const part = `${path}.part`;
  const file = openPart(part, mode);
  if (file === null) return false;
  try {
    const text = textOf();
    if (text === null) {
      rmSync(part);
      return true;
    }
    writeFileSync(file, text);
    fsyncSync(file);
    renameSync(part, path);
    return true;
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** As {@linkcode replaceFile}; waits until the other process has finished. One that was killed is waited for 10 s. */
export async function replaceFileInTurn(path: string, textOf: () => string | null): Promise<void> {
  while (!replaceFile(path, textOf)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/** The mode that the file has, or gets; `null` if it is a terminal, a pipe or a folder, which can't be replaced. */
function replacedMode(path: string): number | null {
  if (/^\/(?:dev|proc)\//.test(path)) return null;
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry) return MODE;
  return entry.isFile() ? entry.mode & 0o777 : null;
}

function openPart(part: string, mode: number): number | null {
  try {
    return openSync(part, "wx", mode);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    const entry = statSync(part, { throwIfNoEntry: false });
    if (entry && Date.now() - entry.mtimeMs < STALE_MS) return null;
    rmSync(part, { force: true });
    return openSync(part, "wx", mode);
  }
}
