/**
 * `deno task test`: runs the tests as two runs of `deno test` at once. One has the files that wait for processes and timers, in more lanes
 * than there are cores. The other one computes, at a lower priority: it has what the first one leaves. The types are checked meanwhile.
 * A file whose tests pass has one line; what fails is said again at the end.
 *
 *     deno run -A tests/tools/run_tests.ts [options and paths of deno test]
 *
 * With a path, only what is below it runs, as one run of `deno test`, and types are not checked.
 *
 * @module
 */
import { exists } from "../../src/cli/files.ts";
import { filesUnder, root } from "./files.ts";
import { linesOf } from "./lines.ts";
import { SHARED_FOLDER } from "./shared.ts";
import { TestOutput } from "./test_output.ts";
import { nameOf, planOf, type Together } from "./test_plan.ts";

const TEST = [
  ...["test", "-A", "--parallel", "--no-check", "--lock=tests/deno.lock", "--config=deno.json"],
  ...["--sanitize-ops", "--sanitize-resources"],
];
/**
 * For the tests that compute. A simulated cluster makes objects without end. If V8 has a larger space for new objects, and collects them on
 * the thread of the test, simulations took 5 to 18 % less CPU time, and 100 to 270 MB more memory a lane; with helper threads V8 competes
 * with the other lanes for the cores.
 */
const COMPUTING = "--v8-flags=--min-semi-space-size=16,--max-semi-space-size=16,--single-threaded-gc";
const CHECK = ["check", "--quiet", "--lock=tests/deno.lock"];
/** Of what the documentation shows. */
const CHECK_EXAMPLES = ["run", "-A", "tests/tools/docs.ts", "types"];
/** Lanes a core, for the files that wait. */
const WAITING_PER_CORE = 2;
/** The line before the failures, which come last. */
const FAILURES = "== Failures";
/** How much others go before: `nice` takes 0 to 19. */
const NICENESS = 5;

/** A run of Deno. */
interface Job {
  /** What it is called if it fails. */
  readonly what: string;
  readonly args: readonly string[];
  readonly lanes?: number;
  /** It yields to others. */
  readonly isNice?: boolean;
  /** Where it keeps what its files share. */
  readonly shared?: string;
  /** What it prints is shown as it is. */
  readonly isPlain?: boolean;
}

/** Whether one of the arguments is a path. */
export function namesPath(given: readonly string[]): boolean {
  return given.some((argument) => argument.startsWith("tests/") || exists(new URL(argument, root).pathname));
}

/** The test files that `--ignore` leaves. */
export function filesFor(given: readonly string[], all: readonly string[]): readonly string[] {
  const ignored = given.flatMap((argument) => /^--ignore=(.+)$/.exec(argument)?.[1]?.split(",") ?? []);
  return all.filter((file) => !ignored.some((path) => file === path || file.startsWith(`${path}/`)));
}

/**
 * Writes modules that load the files of each part, so that their tests are those of one file. Of files in several folders, deno test begins
 * with the deepest, whatever comes first in its arguments; the modules are in one folder.
 */
export function writeModules(folder: string, parts: readonly Together[]): Promise<readonly string[]> {
  return Promise.all(parts.map(async ({ name, files }) => {
    const path = `${folder}/${name}_test.js`;
    const imports = files.map((file) => `import ${JSON.stringify(new URL(file, root).href)};\n`);
    await Deno.writeTextFile(path, imports.join(""));
    return path;
  }));
}

async function main(given: readonly string[]): Promise<number> {
  const cores = navigator.hardwareConcurrency;
  const lanes = Number(Deno.env.get("DENO_JOBS") ?? WAITING_PER_CORE * cores);
  if (namesPath(given)) return await runAll([{ what: "the tests", args: [...TEST, ...given], lanes, isPlain: true }]);
  const { waiting, computing } = planOf(filesFor(given, filesUnder("tests", "_test.ts")));
  const folder = await Deno.makeTempDir({ prefix: "pbft-tests-" });
  try {
    const shared = `${folder}/shared`;
    await Deno.mkdir(shared);
    const alone = await writeModules(folder, waiting.map((file) => ({ name: nameOf(file), files: [file] })));
    const modules = await writeModules(folder, computing);
    // Without a file, deno test would run all.
    return await runAll([
      ...(alone.length > 0 ? [{ what: "tests that wait", args: [...TEST, ...given, ...alone], lanes, shared }] : []),
      ...(modules.length > 0
        ? [{
          what: "tests that compute",
          args: [...TEST, COMPUTING, ...given, ...modules],
          lanes: cores,
          shared,
          isNice: true,
        }]
        : []),
      { what: "types", args: CHECK, isNice: true },
      { what: "types of examples", args: CHECK_EXAMPLES, isNice: true },
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs all at once, and repeats at the end what failed. Gives the exit code of one that fails, or 0. */
async function runAll(jobs: readonly Job[]): Promise<number> {
  const children = jobs.map(start);
  // Who stops this process means the tests. deno test says at SIGINT which ones were under way.
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => children.forEach((child) => stop(child, "SIGINT")));
  }
  // What another job prints comes after what the first one prints, and then as it comes.
  const first = children[0]!.status;
  const ended = await Promise.all(children.map(async (child, index) => {
    const { what, isPlain = false } = jobs[index]!;
    const output = new TestOutput(what);
    if (!isPlain) await show(child, output, index === 0 ? Promise.resolve() : first);
    const { code, signal } = await child.status;
    stopGroup(child.pid);
    return { code, repeated: output.repeated(code === 0 ? undefined : signal ?? `exit code ${code}`), isPlain };
  }));
  const repeated = ended.flatMap(({ repeated, isPlain }) => isPlain ? [] : repeated);
  if (repeated.length > 0) write([FAILURES, ...repeated]);
  return ended.find(({ code }) => code !== 0)?.code ?? 0;
}

function start({ args, lanes = 1, shared, isNice = false, isPlain = false }: Job): Deno.ChildProcess {
  const nice = isNice && Deno.build.os !== "windows" ? ["nice", "-n", String(NICENESS)] : [];
  const [program, ...rest] = [...nice, Deno.execPath(), ...args];
  const output = isPlain ? "inherit" : "piped";
  const env = { DENO_JOBS: String(lanes), ...(shared !== undefined && { [SHARED_FOLDER]: shared }) };
  const options = { args: rest, cwd: root, env, stdout: output, stderr: output } as const;
  return new Deno.Command(program!, { ...options, stdin: "null", detached: true }).spawn();
}

/** Stops what a run has left behind, such as the replicas of a test that was interrupted: the processes of its group. */
export function stopGroup(leader: number): void {
  if (Deno.build.os === "windows") return;
  try {
    Deno.kill(-leader, "SIGTERM");
  } catch { /* nothing is left */ }
}

/** Shows what a process prints, in short: once `begin` resolves, and from then on as it comes. */
async function show(child: Deno.ChildProcess, output: TestOutput, begin: Promise<unknown>): Promise<void> {
  const held: string[] = [];
  let isShown = false;
  const shown = begin.then(() => {
    isShown = true;
    write(held);
  });
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const line of linesOf(stream)) {
      const lines = output.take(line);
      if (isShown) write(lines);
      else held.push(...lines);
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr), shown]);
}

function write(lines: readonly string[]): void {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function stop(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch { /* it has ended */ }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
