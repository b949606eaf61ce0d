/**
 * The history of `repl`, in a file of the user's own.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";

/** Lines that were typed, the latest first. */
export class History {
  /** The most lines that are kept. */
  static readonly MOST = 1_000;
  readonly #path: string;
  #lines: readonly string[];

  constructor(
    path: string = join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "pbft", "history"),
  ) {
    this.#path = path;
    this.#lines = read(path);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Adds a line, and writes the file. If the file cannot be written, that is no error: there is no history then. */
  add(line: string): void {
    this.#lines = [line, ...this.#lines.filter((other) => other !== line)].slice(0, History.MOST);
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(this.#path, [...this.#lines].reverse().join("\n") + "\n", { mode: 0o600 });
    } catch { /* a home that is read-only */ }
  }
}

function read(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter((line) => line !== "").reverse().slice(0, History.MOST);
  } catch {
    return [];
  }
}
