/**
 * Helpers for files.
 * @module
 */

/** Whether a file or folder exists at this path. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a file, if it exists. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes a folder, if it is empty. */
export function removeEmptyFolder(path: string): void {
  try {
    Deno.removeSync(path);
  } catch { /* it does not exist, or has other files */ }
}
