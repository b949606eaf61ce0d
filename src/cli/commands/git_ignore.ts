/**
 * Keeps private keys out of Git.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
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
    writeFileSync(path, GIT_IGNORE, { flag: "wx" });
    return null;
  }
  const lines = readFileSync(path, "utf8").split(/\r?\n/).map((line) => line.trim());
  const isSafe = lines.some((line) => ["*", "/*/key", "*/key", "key"].includes(line));
  return isSafe ? null : `${path} exists: add the line /*/key to it, so that no private key gets into Git`;
}

/** Removes the `.gitignore`, if it is unchanged since {@linkcode ignoreSecrets} wrote it. */
export function forgetIgnoring(folder: string): void {
  const path = `${folder}/.gitignore`;
  if (exists(path) && readFileSync(path, "utf8") === GIT_IGNORE) remove(path);
}
