/**
 * Keeps private keys out of Git.
 * @module
 */
import { exists, remove } from "../files.ts";

/** The content of the file. */
const GIT_IGNORE = `# Private keys, and the states of replicas: never commit them.
/*/key
/*/state.db*
`;

/** Writes the folder's `.gitignore`. If one exists that may not cover the keys, returns a hint for the user. */
export function ignoreSecrets(folder: string): string | null {
  const path = `${folder}/.gitignore`;
  if (!exists(path)) {
    Deno.writeTextFileSync(path, GIT_IGNORE, { createNew: true });
    return null;
  }
  const lines = Deno.readTextFileSync(path).split(/\r?\n/).map((line) => line.trim());
  const isSafe = lines.some((line) => ["*", "/*/key", "*/key", "key"].includes(line));
  return isSafe ? null : `${path} exists: add the line /*/key to it, so that no private key gets into Git`;
}

/** Removes the `.gitignore`, if it is unchanged since {@linkcode ignoreSecrets} wrote it. */
export function forgetIgnoring(folder: string): void {
  const path = `${folder}/.gitignore`;
  if (exists(path) && Deno.readTextFileSync(path) === GIT_IGNORE) remove(path);
}
