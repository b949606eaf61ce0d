/**
 * Keeps private keys out of Git.
 * @module
 */
import { exists, remove } from "../files.ts";

/** What {@linkcode ignoreSecrets} writes. */
const GIT_IGNORE = `# Private keys, and the states of replicas: never commit them.
/*/key
/*/state.db*
`;

/** Writes the folder's `.gitignore`, unless there is one. Gives what its owner should know: one that is there may not name the keys. */
export function ignoreSecrets(folder: string): string | null {
  const path = `${folder}/.gitignore`;
  if (!exists(path)) {
    Deno.writeTextFileSync(path, GIT_IGNORE, { createNew: true });
    return null;
  }
  const lines = Deno.readTextFileSync(path).split(/\r?\n/).map((line) => line.trim());
  const isSafe = lines.some((line) => ["*", "/*/key", "*/key", "key"].includes(line));
  return isSafe ? null : `${path} is there already: add the line /*/key to it, so that no private key gets into Git`;
}

/** Removes the `.gitignore`, if it is as {@linkcode ignoreSecrets} wrote it. */
export function forgetIgnoring(folder: string): void {
  const path = `${folder}/.gitignore`;
  if (exists(path) && Deno.readTextFileSync(path) === GIT_IGNORE) remove(path);
}
