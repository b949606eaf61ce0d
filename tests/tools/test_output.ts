/**
 * What a run of `deno test --parallel` prints, made short: a line for each file once all are over, what is not well at once, and at the end
 * the failures again, since many systems keep only the end of a long log.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";

/** Lines of one failure, and of a run that ended without saying which test failed, that are repeated. */
const MOST_LINES = 30;
/** Of a line that is repeated. */
const MOST_CHARS = 400;
/** Failures of one run that are repeated. */
const MOST_FAILURES = 20;

/** `./tests/a_test.ts => a name ... ok (12ms)`; a step has its test's name before its own. */
const RESULT = /^(\S+) => (.*) \.\.\. (ok|FAILED|ignored)\b.*\((\S+)\)$/;
/** The folder that run_tests.ts makes. */
const MODULES = /^.*\/pbft-tests-\w+\//;
/** Ends what deno test says. */
const SUMMARY = /^(?:ok|FAILED) \| \d+ passed/;
/** Begins what is said of one failure. */
const PLACE = / => \S+:\d+:\d+$|^\S+ \(uncaught error\)$/;

/** So many tests pass between two lines that say how far the run is. */
const STEP = 250;

/** Reads the lines of one run. */
export class TestOutput {
  readonly #files = new Map<string, { passed: number; ms: number }>();
  #passed = 0;
  readonly #failures: string[][] = [];
  readonly #last: string[] = [];
  #isInErrors = false;
  #hasEnded = false;

  /** `what`: the run, as it is called if it fails. */
  constructor(readonly what: string) {}

  /** The lines to print instead of this one. */
  take(shown: string): readonly string[] {
    // Deno colours it unless it is told not to.
    const line = stripVTControlCharacters(shown);
    this.#last.push(line);
    if (this.#last.length > MOST_LINES) this.#last.shift();
    if (line.trim() === "ERRORS" || line.trim() === "FAILURES") this.#isInErrors = line.trim() === "ERRORS";
    else if (SUMMARY.test(line)) {
      this.#hasEnded = true;
      return [...this.#perFile(), shown];
    } else if (this.#isInErrors) this.#takeError(line);
    const [, file, name, result, duration] = RESULT.exec(line) ?? [];
    if (result !== "ok") return [shown];
    if (name!.includes(" ... ")) return [];
    const { passed, ms } = this.#files.get(file!) ?? { passed: 0, ms: 0 };
    this.#files.set(file!, { passed: passed + 1, ms: ms + msOf(duration!) });
    return ++this.#passed % STEP === 0 ? [`${this.what}: ${this.#passed} have passed`] : [];
  }

  /** What passed, file by file, the longest first. The folder of modules that load files tells nothing. */
  #perFile(): readonly string[] {
    const files = [...this.#files].sort(([, one], [, other]) => other.ms - one.ms);
    return files.map(([file, { passed, ms }]) =>
      `${(ms / 1_000).toFixed(1).padStart(7)} s  ${file.replace(MODULES, "")}: ${passed} passed`
    );
  }

  /** The failures once more, indented: nobody takes them for what a run said. `ending`: how it ended; `undefined`: well. */
  repeated(ending: string | undefined): readonly string[] {
    if (ending === undefined) return [];
    const left = this.#failures.length - MOST_FAILURES;
    const lines = this.#failures.slice(0, MOST_FAILURES).flatMap((failure) => ["", ...shortened(failure)]);
    if (left > 0) lines.push("", `and ${left} more`);
    // A run that crashed, or found no place for what went wrong.
    if (!this.#hasEnded || this.#failures.length === 0) {
      lines.push("", `it ended with ${ending}; its last lines:`, ...this.#last);
    }
    return [`-- ${this.what}`, ...lines.map((line) => line === "" ? "" : `  ${line.slice(0, MOST_CHARS)}`)];
  }

  #takeError(line: string): void {
    if (PLACE.test(line)) this.#failures.push([line]);
    else this.#failures.at(-1)?.push(line);
  }
}

/** A failure's first lines, without the empty ones at its end. */
function shortened(lines: readonly string[]): readonly string[] {
  const end = lines.findLastIndex((line) => line.trim() !== "") + 1;
  return end <= MOST_LINES ? lines.slice(0, end) : [...lines.slice(0, MOST_LINES), `… ${end - MOST_LINES} more lines`];
}

/** `1m2s`, `12s`, `345ms`, `67µs`. */
function msOf(duration: string): number {
  const [, minutes = 0, seconds = 0, ms = 0] = /^(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?/.exec(duration) ?? [];
  return Number(minutes) * 60_000 + Number(seconds) * 1_000 + Number(ms);
}
