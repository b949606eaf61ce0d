/**
 * The two streams of a command: results for programs on standard output, words for people on standard error.
 * @module
 */
import process from "node:process";
import { outputError } from "./cli_error.ts";

/** Colors and weights, or nothing where the output is no terminal. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

/** What a verb prints to. */
export interface Terminal {
  /** A line of the result. */
  readonly print: (line: string) => void;
  /** A line for people; not with `--quiet`. */
  readonly say: (line: string) => void;
  /** Shows progress in one line of a terminal, which the next one replaces; an empty text removes it. */
  readonly progress: (text: string) => void;
  readonly style: Style;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/** When there are colors. */
export type ColorChoice = "auto" | "always" | "never";

/** What a terminal depends on. */
export interface TerminalOptions {
  readonly print: (line: string) => void;
  readonly isJson?: boolean;
  readonly isQuiet?: boolean;
  readonly color?: ColorChoice;
}

/** Makes the terminal of a call. */
export function createTerminal({ print, isJson = false, isQuiet = false, color = "auto" }: TerminalOptions): Terminal {
  const canMove = process.stderr.isTTY === true && !isQuiet && !isJson && process.env.TERM !== "dumb";
  let isShown = false;
  const clear = () => {
    if (isShown) process.stderr.write("\r\x1b[2K");
    isShown = false;
  };
  return {
    print: (line) => {
      clear();
      try {
        print(line);
      } catch (error) {
        throw outputError(error);
      }
    },
    say: (line) => {
      clear();
      if (!isQuiet) console.error(line);
    },
    progress: (text) => {
      clear();
      if (!canMove || text === "") return;
      process.stderr.write(text.slice(0, (process.stderr.columns ?? 80) - 1));
      isShown = true;
    },
    style: styleOf(hasColors(color)),
    isJson,
    isQuiet,
  };
}

/** Whether to color: on a terminal, unless `NO_COLOR` is set (https://no-color.org). */
export function hasColors(
  choice: ColorChoice,
  isTerminal: boolean = process.stdout.isTTY === true,
  { NO_COLOR, TERM }: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  if (choice !== "auto") return choice === "always";
  return isTerminal && !NO_COLOR && TERM !== "dumb";
}

function styleOf(isOn: boolean): Style {
  const ansi = (on: number, off: number) => (text: string) => isOn ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: ansi(1, 22), dim: ansi(2, 22), red: ansi(31, 39), green: ansi(32, 39), yellow: ansi(33, 39) };
}
