/**
 * A copy of the source in a temporary folder, in which one mutant after another is planted and tried. A lane keeps its folder, so that
 * only the files that change are compiled again.
 * @module
 */
import { filesUnder, root } from "../tools/files.ts";
import { applyEdit, type Mutant } from "./mutant.ts";
import type { Trial } from "./schedule.ts";
import type { TrialLine } from "./trial_process.ts";

/** What trying a mutant came to. */
export type Outcome =
  & (
    | { readonly kind: "violation"; readonly line: TrialLine }
    /** All runs went well. */
    | { readonly kind: "none" }
    /** The process had to be stopped: a step that never ends, or nothing found in time. No checker has said a word. */
    | { readonly kind: "timeout" }
    /** The process ended by itself without a verdict. */
    | { readonly kind: "crash"; readonly detail: string }
  )
  & { readonly runs: number; readonly seconds: number };

/** The packages that the routes need. */
const IMPORT_MAP = "import_map.json";

/** What is needed to run the simulator. */
const FOLDERS = ["src", "tests/mutants", "tests/tools"];

/** One lane. Dispose of it with {@linkcode Lane.remove}. */
export class Lane {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<Lane> {
    const folder = await Deno.makeTempDir({ prefix: "pbft_mutants_" });
    for (const path of FOLDERS.flatMap((from) => filesUnder(from, ".ts"))) {
      await Deno.mkdir(`${folder}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.copyFile(new URL(path, root), `${folder}/${path}`);
    }
    const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
    // An import map knows no parts of packages, as `deno.json` does.
    const parts = Object.entries<string>(imports).map((
      [name, target],
    ) => [`${name}/`, `${target.replace(/^npm:/, "npm:/")}/`]);
    await Deno.writeTextFile(
      `${folder}/${IMPORT_MAP}`,
      JSON.stringify({ imports: { ...Object.fromEntries(parts), ...imports } }),
    );
    return new Lane(folder);
  }

  /** Plants a mutant, `null`: nothing, tries it, and makes the copy whole again. */
  async try(mutant: Pick<Mutant, "edits"> | null, trials: readonly Trial[], limitMs: number): Promise<Outcome> {
    return await this.#planted(mutant, () => this.#run(trials, limitMs));
  }

  /** Plants a mutant in the copy, and tells whether these tests fail, or end in no time. They run in the copy, with the project's tests beside it. */
  async fails(mutant: Pick<Mutant, "edits">, tests: readonly string[], limitMs: number): Promise<boolean> {
    return await this.#planted(mutant, async () => {
      for (const name of ["deno.json", "mod.ts", "tests", "examples"]) {
        const from = new URL(name, root);
        await new Deno.Command("cp", { args: ["-rn", from.pathname, `${this.#folder}/`] }).output();
      }
      const { code } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "-A", "--no-check", "--lock=tests/deno.lock", "--fail-fast", ...tests],
        cwd: this.#folder,
        signal: AbortSignal.timeout(limitMs),
        stdout: "null",
        stderr: "null",
      }).output();
      return code !== 0;
    });
  }

  async #planted<T>(mutant: Pick<Mutant, "edits"> | null, act: () => Promise<T>): Promise<T> {
    const files = await this.edited(mutant);
    const before = new Map<string, string>();
    for (const [file, text] of files) {
      before.set(file, await Deno.readTextFile(`${this.#folder}/${file}`));
      await Deno.writeTextFile(`${this.#folder}/${file}`, text);
    }
    try {
      return await act();
    } finally {
      for (const [file, text] of before) await Deno.writeTextFile(`${this.#folder}/${file}`, text);
    }
  }

  async remove(): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** The files that a mutant changes, as it makes them. @throws {RangeError} if it does not fit the code. */
  async edited(mutant: Pick<Mutant, "edits"> | null): Promise<ReadonlyMap<string, string>> {
    const files = new Map<string, string>();
    for (const edit of mutant?.edits ?? []) {
      const text = files.get(edit.file) ?? await Deno.readTextFile(`${this.#folder}/${edit.file}`);
      files.set(edit.file, applyEdit(text, edit));
    }
    return files;
  }

  async #run(trials: readonly Trial[], limitMs: number): Promise<Outcome> {
    const began = performance.now();
    const stop = AbortSignal.timeout(limitMs);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--no-check",
        "--no-config",
        "--no-lock",
        `--import-map=${IMPORT_MAP}`,
        "tests/mutants/trial_process.ts",
        JSON.stringify(trials),
      ],
      cwd: this.#folder,
      signal: stop,
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stdout);
    const lines = text.split("\n").filter((line) => line.endsWith("}")).map((line): TrialLine => JSON.parse(line));
    const measured = { runs: lines.length, seconds: (performance.now() - began) / 1000 };
    const last = lines.at(-1);
    if (last?.violation) return { kind: "violation", line: last, ...measured };
    if (stop.aborted) return { kind: "timeout", ...measured };
    if (code !== 0) return { kind: "crash", detail: new TextDecoder().decode(stderr).trim().slice(-400), ...measured };
    return { kind: "none", ...measured };
  }
}
