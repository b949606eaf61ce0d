/**
 * Every command in README, in docs/ and of the applications in examples/ runs as it stands, and prints what the page says; `tests/readme_test.ts` runs the programs.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DEFAULT_SETTINGS } from "../src/core/config.ts";
import { PROBLEMS } from "../src/http/problem.ts";
import { POLICY_FLAGS } from "../src/cli/commands/policy_options.ts";
import { filesUnder, root, textOf } from "./tools/files.ts";
import { DocSession, outputPattern, pageSteps } from "./tools/doc_session.ts";

/** Applications of which a reader starts a cluster and a program. */
const APPLICATIONS = ["locks", "releases", "flags", "browser"];

const pages = [
  "README.md",
  ...filesUnder("docs", ".md"),
  ...APPLICATIONS.map((name) => `examples/${name}/README.md`),
];

/** Commands that a page shows and that do not run here, and why. */
const NOT_RUN: readonly (readonly [command: RegExp, reason: string])[] = [
  [
    /^(?:npx --yes deno@[\d.]+|deno) task (?:test|test:unit|test:edge|check|ok)$/,
    "they run the tests, and this is one",
  ],
  [
    /^deno task (?:bench|bench:cold|bench:transfer|failover|calm|chaos|rounds|attack|mutants)\b/,
    "they take minutes; tests/e2e, tests/attack and tests/mutants run their parts",
  ],
  [/^deno task simulate\b.*--(?:minutes|runs \d{3,})/, "it takes minutes"],
  [
    /^(?:npm|npx (?:jsr|wrangler)|git|nginx|(?:PBFT_START=new )?docker|kubectl|systemctl|sudo) /,
    "they need a registry, an account, or the machine",
  ],
  [/^deno deploy /, "it needs an account"],
  [
    /^(?:pbft|npx @pbft\/edge|deno run -A (?:--no-lock )?(?:jsr:@pbft\/edge\/cli|src\/cli\/mod\.ts)) /,
    "tests/cli run each verb",
  ],
  [/^OTEL_\w+=/, "they need a collector; tests/telemetry has the traces, tests/cli the flag"],
  [/^deno bundle /, "tests/edge bundles the examples"],
  [/^PBFT_START=\w+ (?:PBFT_JOIN=\S+ )?node main\.(?:mjs|ts) /, "tests/edge runs it, on each runtime that is here"],
  [
    /^deno run -A examples\/mixed\/main\.ts/,
    "tests/edge/mixed_test.ts runs it: it needs a newer Node than some machines have",
  ],
  [/^PBFT_CLUSTER=.* deno run .*main\.ts$/, "tests/edge/deploy_test.ts runs it"],
];

const stepsOf = new Map(pages.map((page) => [page, pageSteps(textOf(page)!)] as const));

/** Two at once: a page waits most of the time, one of them half a minute for a replica that recovers. */
const SESSIONS = 2;

Deno.test("every command in README, in docs/ and of the applications runs, and prints what the page says", async () => {
  const byLength = [...stepsOf].filter(([, steps]) => steps.length > 0).sort(([, a], [, b]) => a.length - b.length);
  const failures: string[] = [];
  const worker = async () => {
    const place = await Deno.makeTempDir();
    for (let next = byLength.pop(); next; next = byLength.pop()) {
      const [page, steps] = next;
      await using session = new DocSession(`${place}/page`);
      try {
        for (const step of steps) await session.do(step);
      } catch (error) {
        failures.push(`${page}: ${(error as Error).message}`);
      }
    }
    await Deno.remove(place);
  };
  await Promise.all(Array.from({ length: SESSIONS }, worker));
  assertEquals(failures, []);
});

Deno.test("a command that does not run in the tests has a reason, and options that there are", async () => {
  for (const [page, steps] of stepsOf) {
    const ignored = steps.flatMap((step) => step.kind === "ignore" ? commandsOf(step.code) : []);
    assertEquals(ignored.filter((command) => !NOT_RUN.some(([pattern]) => pattern.test(command))), [], page);
    for (const command of ignored) assertEquals(await unknownOptions(command), [], `${page}: ${command}`);
  }
});

/** The commands of a block, without comments; a line that ends in a backslash goes on. */
function commandsOf(code: string): string[] {
  const lines = code.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.map((line) => line.replace(/(?:^| )#.*$/, "").trim()).filter((line) => line !== "");
}

/** Options of one of this project's tasks that its `--help` does not name. */
async function unknownOptions(command: string): Promise<string[]> {
  const [, task, options = ""] = /^deno task ([\w:]+)(.*)$/.exec(command) ?? [];
  const named = [...options.matchAll(/--[a-z-]+/g)].map(([option]) => option);
  if (task === undefined || named.length === 0) return [];
  const { tasks } = JSON.parse(textOf("deno.json")!) as {
    tasks: Record<string, { command: string; description: string }>;
  };
  helps.set(task, helps.get(task) ?? await helpOf(tasks[task]!.command));
  const known = helps.get(task)! + tasks[task]!.description;
  return named.filter((option) => !known.includes(option));
}

/** What `--help` of a task prints, by task. */
const helps = new Map<string, string>();

async function helpOf(command: string): Promise<string> {
  const help = new Deno.Command("sh", {
    args: ["-c", `${command.replace(/^deno /, `"${Deno.execPath()}" `)} --help`],
    cwd: root,
    stdin: "null",
  });
  const { success, stdout } = await help.output();
  return success ? new TextDecoder().decode(stdout) : "";
}

const sample = `
\`\`\`sh background
serve
\`\`\`
\`\`\`text
Apple  pid 12
…
ready
\`\`\`
\`\`\`sh
ask
\`\`\`
<!-- Ctrl-C -->
\`\`\`
a picture
\`\`\`
\`\`\`sh fails
stop
\`\`\`
`;

Deno.test("a page's steps are its commands, with what they print, in order", () => {
  assertEquals(pageSteps(sample), [
    { kind: "background", code: "serve", output: "Apple  pid 12\n…\nready\n" },
    { kind: "run", code: "ask", output: null },
    { kind: "ctrl-c" },
    { kind: "fails", code: "stop", output: null },
  ]);
  assertThrows(() => pageSteps("```sh soon\nls\n```\n"), TypeError, "expected nothing, fails, background or ignore");
});

Deno.test("an output matches if only ports, process ids, times and who voted differ", () => {
  const shown = '{"result":1,"voters":["Apple","Ball"]}\n…\nat 2026-11-26T09:30:00.000Z pid 7\n';
  const printed = '{"result":1,"voters":["Candy","Dog"]}\nx\ny\nat 2027-01-01T00:00:00.123Z pid 88\n';
  assertEquals(outputPattern(shown).exec(printed)?.[1], "88");
  assertEquals(outputPattern(shown).test(printed.replace("1", "2")), false);
  assertEquals(outputPattern(shown).test(printed + "more\n"), false);
  assertEquals(outputPattern(shown, true).test(printed + "more\n"), true);
});

Deno.test("a page kills only what it has started", async () => {
  await using session = new DocSession();
  const kill = pageSteps("```sh\nkill -9 31922\n```\n")[0]!;
  await assertRejects(() => session.do(kill), Error, "expected a process that the page's output has");
});

/** The names that a page leaves out. @throws {Error} if there are none to be looked for: then what was read to find them looks otherwise now. */
function missingIn(page: string, names: Iterable<string>): string[] {
  const wanted = [...new Set(names)];
  assert(wanted.length > 0, `${page}: expected names to look for, got none`);
  const text = textOf(page)!;
  return wanted.filter((name) => !text.includes(name));
}

Deno.test("docs/http.md has every problem with its status, every route, and every metric", () => {
  const rows = Object.entries(PROBLEMS).map(([kind, [status]]) => ({
    kind,
    row: new RegExp(`\\| \`${kind}\` +\\| ${status} `),
  }));
  assertEquals(rows.filter(({ row }) => !row.test(textOf("docs/http.md")!)).map(({ kind }) => kind), []);
  const metrics = textOf("src/http/routes/metrics.ts")!.matchAll(/"(pbft_\w+)"/g);
  assertEquals(missingIn("docs/http.md", [...metrics].map(([, name]) => name!)), []);
  const routes = textOf("src/http/app.ts")!.matchAll(/^ {4}"(\/\w+)": \{/gm);
  assertEquals(missingIn("docs/http.md", [...routes].map(([, path]) => path!)), []);
});

Deno.test("docs/deploy.md has every variable and option that says whom to serve", () => {
  const variables = textOf("src/runtime/host/policy.ts")!.matchAll(/\bPBFT_\w+/g);
  assertEquals(missingIn("docs/deploy.md", [...variables].map(([name]) => name)), []);
  assertEquals(missingIn("docs/deploy.md", Object.keys(POLICY_FLAGS).map((name) => `--${name}`)), []);
});

Deno.test("docs/operate.md has every setting with its default, and every event of the log", () => {
  const shown = (value: number) =>
    value % 2 ** 20 === 0
      ? `${value / 2 ** 20} MiB`
      : value > 2 ** 17 && value % 2 ** 10 === 0
      ? `${value / 2 ** 10} KiB`
      : value.toLocaleString("en-US");
  const rows = Object.entries(DEFAULT_SETTINGS).map(([name, value]) => ({
    name,
    row: new RegExp(`\\| \`${name}\` +\\| ${shown(value)} +\\|`),
  }));
  assertEquals(rows.filter(({ row }) => !row.test(textOf("docs/operate.md")!)).map(({ name }) => name), []);
  const logging = ["runtime", "cli"].flatMap((folder) => filesUnder(`src/${folder}`, ".ts"));
  const events = logging.flatMap((path) => [...textOf(path)!.matchAll(/event: "([a-z-]+)"/g)]);
  const hostEvents = textOf("src/node/host_event.ts")!.matchAll(/kind: "([a-z-]+)"/g);
  assertEquals(missingIn("docs/operate.md", [...events, ...hostEvents].map(([, name]) => `\`${name}\``)), []);
});

Deno.test("docs/client.md has every option and every error of the client", () => {
  const options = textOf("src/client/options.ts")!.split("export interface ClientOptions {")[1]!.split("\n}")[0]!;
  const errors = textOf("src/client/errors.ts")!.matchAll(/export class (\w+Error) extends (?!Error)/g);
  const named = [...options.matchAll(/^ {2}readonly (\w+)/gm), ...errors].map(([, name]) => `\`${name}\``);
  assertEquals(missingIn("docs/client.md", named), []);
});

Deno.test("docs/contributing.md has every folder of src", () => {
  const folders = filesUnder("src", ".ts").map((path) => `\`${path.slice(0, path.lastIndexOf("/"))}\``);
  assertEquals(missingIn("docs/contributing.md", folders), []);
});
