/**
 * Runs the commands of a Markdown page as a reader would: from top to bottom, in a folder that looks like a checkout.
 *
 * | in the page | what is done |
 * | --- | --- |
 * | ` ```sh ` | it runs, and must end with exit code 0 |
 * | ` ```sh fails ` | it runs, and must end with another exit code |
 * | ` ```sh background ` | it is started, and stopped at `<!-- Ctrl-C -->` or at the end of the page |
 * | ` ```sh ignore ` | it does not run: it installs, deploys, or takes minutes |
 * | ` ```text ` right after one that runs | what it prints; `…` stands for any text, and alone on a line for any lines |
 *
 * Ports from 1111 on become ports that are free, and process ids become those that the page's output has in their places.
 * @module
 */
import { fileURLToPath as fromFileUrl } from "node:url";
import { codeBlocks } from "./markdown.ts";
import { root } from "./files.ts";
import { freeRange } from "./ports.ts";

/** One thing that a reader does. */
export type PageStep =
  | { readonly kind: "run" | "fails" | "background" | "ignore"; readonly code: string; readonly output: string | null }
  | { readonly kind: "ctrl-c" };

/** A command may take so long, ms. */
const TIMEOUT_MS = 120_000;
const CTRL_C = "<!-- Ctrl-C -->";
/** The ports that pages name: 1111 to 1118, 8000 for a page of the examples, 8001 for a server of theirs. */
const PORTS = 10;

/** What the page has its reader do, in order. */
export function pageSteps(text: string): readonly PageStep[] {
  const steps: PageStep[] = [];
  for (const [index, part] of text.split(CTRL_C).entries()) {
    if (index > 0) steps.push({ kind: "ctrl-c" });
    const blocks = codeBlocks(part);
    for (const [place, { info, code }] of blocks.entries()) {
      const [language, how = "run"] = info.split(/\s+/);
      if (language !== "sh") continue;
      if (how !== "run" && how !== "fails" && how !== "background" && how !== "ignore") {
        throw new TypeError(`sh: expected nothing, fails, background or ignore after it, got ${how}`);
      }
      const next = blocks[place + 1];
      const output = how !== "ignore" && next?.info === "text" ? next.code : null;
      steps.push({ kind: how, code: code.trimEnd(), output });
    }
  }
  return steps;
}

/** What was printed must match this. `open`: more may follow. */
export function outputPattern(expected: string, open = false): RegExp {
  const lines = expected.trimEnd().split("\n").map((line) => {
    return line === "…" ? "(?:[^\\n]*\\n)*?" : `${linePattern(line)}\\n`;
  });
  return new RegExp(`^${lines.join("")}${open ? "" : "$"}`);
}

function withLineEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** A line, with what differs from run to run replaced by its form. */
function linePattern(line: string): string {
  return line.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")
    .replaceAll(/pid \d+/g, "pid (\\d+)")
    .replaceAll(/"voters":\\\[[^\]]*\\\]/g, '"voters":\\["\\w+","\\w+"\\]')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:\\.]+Z/g, "[-\\dT:.]+Z")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "[0-9a-f]{64}")
    .replaceAll(/(?:\\\+|-)\d+\\\.\d s/g, "[+-]\\d+\\.\\d s")
    .replaceAll(/ {2,}/g, " +")
    .replaceAll("…", "[^\\n]*");
}

const usedPorts = new Set<number>();

/** Ports that are free, and that no session beside this one will bind. */
function unusedRange(): number {
  for (;;) {
    const first = freeRange(PORTS);
    const range = Array.from({ length: PORTS }, (_, i) => first + i);
    if (range.some((port) => usedPorts.has(port))) continue;
    for (const port of range) usedPorts.add(port);
    return first;
  }
}

/** A folder with all of the project's files, and what a page's commands make. */
export class DocSession {
  readonly #folder: string;
  readonly #firstPort = unusedRange();
  readonly #pids = new Map<string, string>();
  readonly #started: Started[] = [];

  /** `folder`: where it is; the next session in the same place finds what Deno has compiled there. */
  constructor(folder: string = Deno.makeTempDirSync()) {
    this.#folder = folder;
    Deno.mkdirSync(folder, { recursive: true });
    const made = new Set(["bin", ".git", ".pbft", ".pbft-mixed", ".docs", "pbft", "coverage"]);
    for (const { name } of Deno.readDirSync(root)) {
      if (!made.has(name)) Deno.symlinkSync(fromFileUrl(new URL(name, root)), `${this.#folder}/${name}`);
    }
    Deno.mkdirSync(`${this.#folder}/bin`);
    Deno.symlinkSync(Deno.execPath(), `${this.#folder}/bin/deno`);
    const npx =
      '#!/bin/sh\ncase "$1 $2" in "--yes deno@"*) shift 2; exec deno "$@";; esac\necho "npx $*: not in tests" >&2; exit 1\n';
    Deno.writeTextFileSync(`${this.#folder}/bin/npx`, npx, { mode: 0o755 });
    const pbft = '#!/bin/sh\nexec deno run -A src/cli/mod.ts "$@"\n';
    Deno.writeTextFileSync(`${this.#folder}/bin/pbft`, pbft, { mode: 0o755 });
  }

  /** Does what the page says. @throws {Error} that says which command went wrong, and how. */
  async do(step: PageStep): Promise<void> {
    if (step.kind === "ignore") return;
    if (step.kind === "ctrl-c") return await this.#started.pop()?.stop();
    const command = { code: this.#translate(step.code), output: step.output && this.#translate(step.output) };
    this.#checkKills(command.code);
    if (step.kind === "background") await this.#start(command);
    else await this.#run(command, step.kind === "fails");
  }

  /** Stops what runs, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of this.#started.reverse()) await started.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #translate(text: string): string {
    let translated = text.replaceAll("jsr:@pbft/edge/cli", "src/cli/mod.ts")
      .replaceAll(/\b(?:task cluster|mod\.ts dev)\b(?!.*--port)/g, (start) => `${start} --port ${this.#firstPort}`)
      .replaceAll(/\bpages\/serve\.ts\b(?!.*--out).*/g, (serving) => `${serving} --port 8000`)
      .replaceAll(/\bflags\/server\.ts\b.*/g, (serving) => `${serving} --port 8001`)
      .replaceAll(/\b800[01]\b/g, (port) => String(this.#firstPort + Number(port) - 7992))
      .replaceAll(/\b111[1-8]\b/g, (port) => String(this.#firstPort + Number(port) - 1111));
    for (const [shown, real] of this.#pids) translated = translated.replaceAll(new RegExp(`\\b${shown}\\b`, "g"), real);
    return translated;
  }

  /** A page must not have anything killed but what it has started. */
  #checkKills(code: string): void {
    const own = new Set(this.#pids.values());
    for (const [command, pid] of code.matchAll(/\bkill .*?(\d{2,})/g)) {
      if (!own.has(pid!)) throw new Error(`${command}: expected a process that the page's output has, got another`);
    }
  }

  #spawn(code: string): Started {
    const command = new Deno.Command("bash", {
      args: ["-euo", "pipefail", "-c", code],
      cwd: this.#folder,
      env: { PATH: `${this.#folder}/bin:${Deno.env.get("PATH")}`, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    return new Started(code, command.spawn());
  }

  async #run({ code, output }: { code: string; output: string | null }, fails: boolean): Promise<void> {
    const started = this.#spawn(code);
    const isSuccess = await started.ended();
    if (isSuccess === fails) throw started.error(`expected ${fails ? "a failure" : "success"}`);
    if (output !== null) this.#compare(started, output, outputPattern(output).exec(withLineEnd(started.out)));
  }

  async #start({ code, output }: { code: string; output: string | null }): Promise<void> {
    const started = this.#spawn(code);
    this.#started.push(started);
    if (output === null) return;
    const pattern = outputPattern(output, true);
    await started.until(() => pattern.test(started.out));
    this.#compare(started, output, pattern.exec(started.out));
  }

  #compare(started: Started, output: string, match: RegExpExecArray | null): void {
    if (match === null) throw started.error(`expected the output\n${output}`);
    const shown = [...output.matchAll(/pid (\d+)/g)].map(([, pid]) => pid!);
    shown.forEach((pid, index) => this.#pids.set(pid, match[index + 1]!));
  }
}

/** A command that runs, or has run. */
class Started {
  out = "";
  err = "";
  #changed = Promise.withResolvers<void>();
  readonly #code: string;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  #isOver = false;

  constructor(code: string, child: Deno.ChildProcess) {
    this.#code = code;
    this.#child = child;
    this.#read = Promise.all([
      this.#gather(child.stdout, (text) => this.out += text),
      this.#gather(child.stderr, (text) => this.err += text),
    ]).finally(() => {
      this.#isOver = true;
      this.#changed.resolve();
    });
  }

  /** Whether it was successful, once it has ended. */
  async ended(): Promise<boolean> {
    const timeout = setTimeout(() => this.#kill("SIGKILL"), TIMEOUT_MS);
    const { success } = await this.#child.status;
    await this.#read;
    clearTimeout(timeout);
    return success;
  }

  /** Resolves once `isTrue` of what was printed. */
  async until(isTrue: () => boolean): Promise<void> {
    const timeout = setTimeout(() => this.#kill("SIGKILL"), TIMEOUT_MS);
    while (!isTrue() && !this.#isOver) await this.#changed.promise;
    clearTimeout(timeout);
  }

  /** As Ctrl-C does. */
  async stop(): Promise<void> {
    this.#kill("SIGTERM");
    await this.ended();
  }

  error(what: string): Error {
    return new Error(`${this.#code}\n--- ${what}, got\n${this.out}--- standard error\n${this.err}`);
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch { /* it has ended */ }
  }

  async #gather(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      add(decoder.decode(chunk, { stream: true }));
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    }
  }
}
