/**
 * What the commands do with files.
 * @module
 */

/** Whether there is something under this path. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a file, if it is there. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes a folder, if nothing is in it. */
export function removeEmptyFolder(path: string): void {
  try {
    Deno.removeSync(path);
  } catch { /* not there, or somebody else's files are in it */ }
}
