/**
 * A member's key on a schedule, in files: the present key is in `KEY`, one that is not in force yet in `KEY.next`. The
 * state of a key that came later is beside the file of the first one, with the beginning of the public key in its name.
 * @module
 */
import { renameSync, statSync } from "node:fs";
import { generateKeyPair, importKeyPair } from "../../crypto/mod.ts";
import { storeTag } from "../../runtime/identity/environment.ts";
import type { KeyRotation, NextKey } from "../../runtime/identity/key_rotation.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { exists, remove } from "../files.ts";
import { readKey, writeKey } from "../key_file.ts";

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A shorter time between two keys is refused, ms: each costs an epoch. */
const MIN_MS = 1_000;

/** A period in ms. @throws {CliError} that names the option. */
function periodMs(option: string, text: string): number {
  const [, digits, unit] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  const ms = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (ms >= MIN_MS) return ms;
  throw new CliError(`${option}: expected a period such as 30d or 12h, got ${JSON.stringify(text)}`, EXIT.usage);
}

/** The state file of a key: the given one is that of the member's first key. */
export function stateFileOf(path: string, privateKey: string): string {
  return isLaterKey(path, privateKey) ? ownStateFile(path, privateKey) : path;
}

/** Whether a key came later than the member's first one. */
export function isLaterKey(path: string, privateKey: string): boolean {
  try {
    return exists(ownStateFile(path, privateKey));
  } catch (error) {
    // There can be no file at this path, for instance because it is too long.
    throw new CliError(
      `--state: expected the path of a file, got ${JSON.stringify(path)}: ${reasonOf(error)}`,
      EXIT.usage,
    );
  }
}

function ownStateFile(path: string, privateKey: string): string {
  return laterStateFile(path, importKeyPair(privateKey).publicKey);
}

/** The state file of a key that came later than the member's first one. */
export function laterStateFile(path: string, publicKey: string): string {
  return `${path}-${storeTag(publicKey)}`;
}

/**
 * The schedule that `--rotate-key-every` gives. The log hides `secrets`: each new key is added.
 * @throws {CliError} if the files can't hold it.
 */
export function keySchedule(
  every: string,
  { key, state, secrets }: { readonly key: string; readonly state: string; readonly secrets: string[] },
): KeyRotation {
  const everyMs = periodMs("--rotate-key-every", every);
  const nextFile = `${key}.next`;
  const nextKey = (start: NextKey["start"]): NextKey => {
    const { privateKey } = readKey(nextFile);
    secrets.push(privateKey);
    return { privateKey, store: ownStateFile(state, privateKey), start };
  };
  return {
    everyMs,
    since: statSync(key).mtimeMs,
    // It may have voted in the meantime: its file may be an old copy.
    next: exists(nextFile) ? nextKey("recover") : undefined,
    prepare() {
      if (!exists(nextFile)) writeKey(nextFile, generateKeyPair().privateKey);
      return nextKey("new");
    },
    onRotated() {
      if (!exists(nextFile)) return; // it has its place already
      const former = stateFileOf(state, readKey(key).privateKey);
      renameSync(nextFile, key);
      for (const suffix of ["", "-wal", "-shm"]) remove(`${former}${suffix}`);
    },
  };
}
