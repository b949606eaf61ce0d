/**
 * Locks the folder of a local cluster, so that two commands do not run it at the same time.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { CliError, codeOf, EXIT, reasonOf } from "../cli_error.ts";
import { remove } from "../files.ts";
import { RUNTIME } from "../runtime.ts";

/** If the lock is not free after this time, another process holds it, ms. (Deno 2.5 has no `tryLock`.) */
const LOCK_TIMEOUT_MS = 500;

/**
 * Locks the folder until this process ends.
 * @throws {CliError} if another cluster uses it, or if it cannot be written. The process must end then.
 */
export async function lockFolder(folder: string): Promise<void> {
  let isLocked: boolean;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    isLocked = RUNTIME === "deno" ? await lockFile(`${folder}/lock`) : claimFile(`${folder}/lock.pid`);
  } catch (error) {
    throw new CliError(`data folder ${folder}: ${reasonOf(error)}`, EXIT.no);
  }
  if (isLocked) return;
  throw new CliError(`data folder ${folder}: another cluster is running on it`, EXIT.no, {
    next: "use it (pbft check), stop it, or choose another folder with --data",
  });
}

/** The system's lock on a file, which ends with the process in any case. Node has none. */
async function lockFile(path: string): Promise<boolean> {
  const locked = Deno.openSync(path, { create: true, write: true }).lock(true).then(() => true);
  let id: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => id = setTimeout(() => resolve(false), LOCK_TIMEOUT_MS));
  try {
    return await Promise.race([locked, late]);
  } finally {
    clearTimeout(id);
  }
}

/** A file with the id of the process that holds it. One whose process has ended is taken over. */
function claimFile(path: string): boolean {
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
      process.on("exit", () => remove(path));
      return true;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if (isAlive(Number(readFileSync(path, "utf8")))) return false;
      remove(path);
    }
  }
  return false;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
