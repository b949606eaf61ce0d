/** What `pbft simulate` prints: one line if nothing is broken, else a report at the end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { reportLines } from "../../src/cli/simulation/report.ts";
import { kindsOf } from "../../src/testing/kinds/mod.ts";
import type { Kind } from "../../src/testing/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { PBFT, pbft } from "./_dev.ts";
import { Lines } from "../e2e/_cluster_process.ts";

const ROOT = new URL("../../", import.meta.url).href;

/** A queue that answers with the first of a set: what is first depends on how the set came about. */
const QUEUE = `
import { snapshotMachine } from "${ROOT}mod.ts";
const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
export function createQueue() {
  let names = new Set();
  const first = () => [...names]SORTED[0] ?? null;
  return snapshotMachine({
    version: "queue/1",
    execute(bytes) {
      const operation = decode(bytes);
      if ("join" in operation) return encode(names.add(operation.join).size);
      const name = first();
      names.delete(name);
      return encode(name);
    },
    query: () => encode(first()),
    snapshot: () => encode([...names].sort()),
    restore: (bytes) => void (names = new Set(decode(bytes))),
  });
}
`;
const WORKLOAD = `
export const workload = {
  operation: (random, id) =>
    encode(random.chance(0.6) ? { join: \`name \${random.int(0, 999)}/\${id}\` } : { leave: true }),
};
`;
const DENO = [Deno.execPath(), "run", "-A", "--quiet", PBFT];
const SEED_THAT_BREAKS = ["--seed", "1", "--profile", "crashes", "--replicas", "4", "--runs", "2"];

Deno.test("simulate that would run nothing is wrong use", async () => {
  const { code, out, err } = await pbft(["simulate", "--runs", "0"]);
  assertEquals([code, out, err], [2, "", "error: --runs: expected at least 1, got 0 (see --help)"]);
});

Deno.test("simulate prints one line if nothing is broken, and with --coverage what was exercised", async () => {
  const { code, out, err } = await pbft(["simulate", "--seed", "7", "--runs", "1", "--replicas", "4"]);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^1 run, 0 broken, [\d,]+ a minute; --coverage shows what was exercised$/);
  const covered = await pbft(["simulate", "--seed", "7", "--runs", "1", "--replicas", "4", "--coverage"]);
  assertEquals(covered.code, 1);
  assertMatch(covered.out, /^NEVER /m);
  assertMatch(covered.out.split("\n").at(-1)!, /^1 run, 0 broken, [\d,]+ a minute$/);
});

Deno.test("the report of a seed has a link to the page, unless the members change: the page does not show that", async () => {
  const violation = { invariant: "agreement", detail: "they differ", atMs: 5 } as const;
  const look = async (seed: number, kinds?: readonly Kind[]) => {
    const simulation = { ...(kinds && { kinds }) };
    const lines = await reportLines({ seed, replicas: 4, violation }, { command: "pbft simulate", simulation });
    return lines.some((line) => line.startsWith("  look "));
  };
  const drawn = Array.from({ length: 100 }, (_, seed) => seed).find((seed) => kindsOf(seed).includes("epochs"))!;
  assertEquals(await Promise.all([look(7), look(drawn), look(7, ["epochs"]), look(drawn, [])]), [
    true,
    false,
    false,
    true,
  ]);
});

Deno.test("simulate runs a machine of one's own; the report of a failure is the last on the screen, and replays", async () => {
  await inFolder(async (folder) => {
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await write("a queue.mjs", QUEUE.replace("SORTED", "") + WORKLOAD);
    await write("fixed.mjs", QUEUE.replace("SORTED", ".sort()") + WORKLOAD);
    await write("none.mjs", QUEUE.replace("SORTED", ".sort()"));
    const run = (...args: string[]) => pbft(["simulate", ...args], { cwd: folder });
    const fixed = await run("fixed.mjs", ...SEED_THAT_BREAKS);
    assertEquals([fixed.code, fixed.out.split("\n").length], [0, 1], fixed.out);
    const { code, out } = await run("a queue.mjs", ...SEED_THAT_BREAKS, "--no-shrink");
    assertEquals(code, 1);
    const report = out.slice(out.indexOf("BROKEN")).split("\n");
    assertMatch(report[0]!, /^BROKEN determinism {3}seed 1, at [\d,]+ virtual ms, 4 replicas$/);
    const rows = Object.fromEntries(report.slice(1).map((line) => line.trim().split(/ {2,}/)));
    assertEquals(rows.what, "it gives different results");
    assertMatch(rows.operation, /^\{"leave":true\}/);
    assertMatch(rows["it gives"], /^"name /);
    assertEquals(rows.differs, "at .");
    const replay = "pbft simulate 'a queue.mjs' --seed 1 --runs 1 --replicas 4 --profile crashes --trace";
    assertEquals([rows.replay, report.at(-1)!.includes(replay)], [replay, true]);
    const replayed = await run("a queue.mjs", ...replay.split("' ")[1]!.split(" "));
    assert(replayed.out.endsWith(report.join("\n")), replayed.out.slice(-1_000));
    const json = JSON.parse((await run("a queue.mjs", ...SEED_THAT_BREAKS, "--no-shrink", "--json")).out);
    assertEquals([json.broken, json.failures[0].invariant, json.failures[0].seed], [1, "determinism", 1]);
    assertEquals(json.failures.length, 1);
    assertMatch(json.failures[0].machine.operation, /leave/);
    const none = await run("none.mjs");
    assertEquals(none.code, 2);
    assertMatch(none.err, /^error: none\.mjs: expected an export named workload, got none\n {2}.*queue\/1\n {2}next: /);
  });
});

Deno.test("simulate reports a failure at once, and searches for a smaller run within --minutes", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/queue.mjs`, QUEUE.replace("SORTED", "") + WORKLOAD);
    const child = new Deno.Command(DENO[0]!, {
      args: [...DENO.slice(1), "simulate", "queue.mjs", ...SEED_THAT_BREAKS],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const lines = new Lines(child.stdout);
    // The search for a smaller run takes long: this one is stopped in its midst.
    await lines.find(/^ {2}replay /);
    child.kill("SIGKILL");
    await child.status;
    await lines.done;
    const first = lines.all.join("\n");
    assertMatch(first, /^\nBROKEN determinism {3}seed 1, .*\n {2}what .*\n {2}operation [^]*\n {2}replay /);

    const args = ["simulate", "queue.mjs", ...SEED_THAT_BREAKS, "--minutes"];
    const { code, out } = await pbft([...args, "2"], { cwd: folder });
    assertEquals(code, 1);
    assertEquals(out.split("BROKEN determinism").length, 3, out.slice(0, 300));
    assertMatch(
      out.slice(out.lastIndexOf("BROKEN")),
      /^ {2}replay .*\n( {2}stopped {2}the search .*\n)? {2}smaller {2}\{/m,
    );
    const late = await pbft([...args, "0.001"], { cwd: folder });
    assertMatch(late.out, /^ {2}stopped {2}no time is left for the search for a smaller run$/m);
    const json = await pbft([...args, "0.001", "--json", "--keep-going"], { cwd: folder });
    assertEquals(JSON.parse(json.out).failures[0].seed, 1);
    assertMatch(json.err, /^\n?BROKEN determinism {3}seed 1/);
  });
});

/** What a typed machine of one's own does besides counting. */
const TYPED = (odd: string) => `
import { counter, defineMachine } from "${ROOT}src/machines/typed/mod.ts";
const { now } = Date;
const [began, id] = [Date.now(), Math.random()];
let calls = 0;
let memo;
export const machine = defineMachine({
  name: "odd",
  version: 1,
  state: { n: counter() },
  operations: { count: { run: ({ n }) => n.next() }, odd: { run({ n }) { ${odd} } } },
});
export const workload = {
  operation: (random) => random.chance(0.1) ? machine.encode("odd") : machine.encode("count"),
};
`;

/** What is said, but not how fast. */
const told = ({ out }: { readonly out: string }) => out.slice(out.indexOf("BROKEN"));

Deno.test("simulate names the operation that leaves a promise behind, and the one that reads a clock which the module keeps; it also reports a failure that needs the runs before", async () => {
  await inFolder(async (folder) => {
    const simulated = async (odd: string, ...args: string[]) => {
      await Deno.writeTextFile(`${folder}/odd.ts`, TYPED(odd));
      return await pbft(["simulate", "odd.ts", "--profile", "calm", "--seed", "1", ...args], { cwd: folder });
    };
    const promise = await simulated(`void (async () => { await null; throw new Error("late"); })();`, "--no-shrink");
    assertEquals([promise.code, promise.err], [1, ""], promise.out);
    assertMatch(
      promise.out,
      /BROKEN machine[^]*left a promise that was rejected[^]*\{"op":"odd"\}[^]*Error: late \(odd\.ts:\d+\)/,
    );
    const clock = await simulated("return { at: now() };", "--no-shrink");
    assertMatch(clock.out, /BROKEN determinism[^]*an operation uses Date\.now\(\)[^]*differs +at \.at/);
    const loaded = await simulated("return { began, id };", "--no-shrink");
    assertMatch(loaded.out, /BROKEN determinism[^]*\{"op":"odd"\}[^]*differs +at \.began/);
    assertEquals(told(await simulated("return { began, id };", "--no-shrink")), told(loaded));
    const kept = await simulated("return { n: memo ??= n.value };", "--no-shrink", "--runs", "1");
    assertMatch(kept.out, /BROKEN determinism[^]*\{"op":"odd"\}[^]*differs +at \.n/);
    const beside = await simulated(`if (++calls > 60) throw new Error("full"); return null;`, "--runs", "9");
    assertEquals(beside.code, 1, beside.out);
    assertMatch(beside.out, /BROKEN [^]*\{"op":"odd"\}[^]*replay/);
  });
});

/** A machine that imports nothing. It loops for ever at one place, once it has counted to 20. */
type Place = "top" | "execute" | "query" | "promise";
const LOOPING = (at: Place) => {
  const loop = (place: Place) => place === at ? `${place === "top" ? "" : "if (n === 20) "}while (true) {}` : "";
  return `
${loop("top")}
const encode = (text) => new TextEncoder().encode(text);
export function createCounter() {
  let n = 0;
  return {
    version: "counter/1",
    execute(operation) {
      if (new TextDecoder().decode(operation) === "get") return encode(String(n));
      ${loop("execute")}
      ${at === "promise" ? "if (n === 20) void (async () => { while (true) await null; })();" : ""}
      return encode(String(++n));
    },
    query() {
      ${loop("query")}
      return encode(String(n));
    },
    takeChanges: () => [["n", encode(String(n))]],
    restore(chunks) {
      for (const [, chunk] of chunks) n = Number(new TextDecoder().decode(chunk));
    },
  };
}
export const workload = { operation: (_, id) => encode(\`add \${id}\`), query: () => encode("get") };
`;
};

Deno.test("simulate reports an operation, a query, a module and a promise that loop for ever, and ends", async () => {
  await inFolder(async (folder) => {
    const simulated = async (at: Place, ...more: string[]) => {
      await Deno.writeTextFile(`${folder}/${at}.mjs`, LOOPING(at));
      const args = ["--profile", "calm", "--replicas", "4", "--seed", "1", "--stuck-after", "2", ...more];
      return await pbft(["simulate", `${at}.mjs`, ...args], { cwd: folder });
    };
    const rowsOf = (out: string) => {
      const [head, ...rows] = told({ out }).split("\n").map((line) => line.trim());
      return { head, ...Object.fromEntries(rows.map((row) => row.split(/ {2,}/))) };
    };
    // As it is replayed: the run with a trace would be in this thread, as would be the search for a smaller run.
    const [operation, query, top, promise] = await Promise.all([
      simulated("execute", "--runs", "1", "--trace"),
      simulated("query", "--runs", "2", "--keep-going", "--json"),
      simulated("top"),
      simulated("promise", "--runs", "1"),
    ]);
    const { operation: named, caller: _, likely, ...rows } = rowsOf(operation.out);
    assertEquals([operation.code, operation.err], [1, ""]);
    assertEquals(rows, {
      head: "BROKEN machine   seed 1, 4 replicas",
      what: "an operation does not come back",
      waited: "2 s",
      replay: "pbft simulate execute.mjs --seed 1 --runs 1 --replicas 4 --profile calm --stuck-after 2 --trace",
    });
    assertMatch(named, /^add \d+$/);
    assertEquals(likely, "a loop does not end; --stuck-after allows a slow call more seconds");
    const { broken, failures } = JSON.parse(query.out);
    assertEquals([query.code, broken, failures.length, failures[1].seed], [1, 2, 2, 2]);
    assertEquals([failures[1].invariant, failures[1].atMs], ["machine", null]);
    const { what, operation: read } = failures[1].machine;
    assertEquals([what, read], ["a query does not come back", "get"]);
    assertEquals([top.code, rowsOf(top.out).what], [1, "the loading of its module does not end"]);
    assertEquals([promise.code, rowsOf(promise.out).waited], [1, "6 s"]);
    assertMatch(promise.out, /the run does not go on[^]*a promise that it left goes on for ever/);
  });
});

Deno.test("simulate wants a number of seconds for --stuck-after", async () => {
  const { code, err } = await pbft(["simulate", "--stuck-after", "soon"]);
  assertEquals(code, 2);
  assertMatch(err, /--stuck-after: expected a number above 0, got "soon"/);
});
