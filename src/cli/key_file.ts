/**
 * The file of a member's private key: 64 hex digits that only its owner may read.
 * @module
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { CliError, EXIT, reasonOf } from "./cli_error.ts";

/** The content of a key file. */
export interface KeyFile {
  /** 64 lower-case hex digits. */
  readonly privateKey: string;
  /** A problem that the owner should correct. */
  readonly warning?: string;
}

/** Longer files are not read: a key has 64 characters. */
const MAX_KEY_FILE_BYTES = 1_024;

/** Reads a key file. @throws {CliError} that names the file. The error never contains the content. */
export function readKey(path: string): KeyFile {
  let text: string;
  let mode: number | null;
  try {
    const entry = statSync(path);
    const { size } = entry;
    if (entry.isFile() && size > MAX_KEY_FILE_BYTES) throw new Error(`expected 64 hex digits, got ${size} bytes`);
    text = readFileSync(path, "utf8").replace(/^\ufeff/, "").trim();
    mode = process.platform === "win32" ? null : entry.mode;
  } catch (error) {
    throw new CliError(`${path}: ${reasonOf(error)}`, EXIT.usage, NEXT);
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    const got = `${text.length} characters`;
    throw new CliError(`${path}: expected a private key of 64 lower-case hex digits, got ${got}`, EXIT.usage, NEXT);
  }
  return { privateKey: text, ...warningOf(path, mode) };
}

const NEXT = { next: "name a key file that pbft keygen, init or dev has made" };

/** Writes a key into a folder that only its owner may enter. @throws if the file exists. */
export function writeKey(path: string, privateKey: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${privateKey}\n`, { mode: 0o600, flag: "wx" });
}

/** A warning about permissions. On Windows `mode` is `null`, and there is none. */
function warningOf(path: string, mode: number | null): Pick<KeyFile, "warning"> {
  if (mode === null || (mode & 0o077) === 0) return {};
  const bits = (mode & 0o777).toString(8).padStart(3, "0");
  return {
    warning: `${path}: other users of this machine may read this private key (mode ${bits}); run: chmod 600 ${path}`,
  };
}
