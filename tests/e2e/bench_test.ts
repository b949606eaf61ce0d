import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { inFolder } from "../tools/folder.ts";
import { root } from "../tools/files.ts";

const SHORT = ["--seconds", "0.2", "--warm-up", "4", "--memory"];

async function bench(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", "--lock=tests/deno.lock", "tests/bench/bench.ts", ...args],
    cwd: root,
    stdin: "null",
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, error: error! };
}

Deno.test("the bench measures each kind of work, says where a lone operation's time goes, and writes JSON", async () => {
  await inFolder(async (folder) => {
    const json = `${folder}/bench.json`;
    const { code, out, error } = await bench(
      ...["--callers", "1,4", "--work", "bundled,alone,gateway,queries,fill", "--keys", "40"],
      ...["--rounds", "2", "--json", json, ...SHORT],
    );
    assertEquals(code, 0, error);
    const { results, lone } = JSON.parse(await Deno.readTextFile(json));
    assertEquals(
      results.map((r: { callers: number; kind: string }) => `${r.callers} ${r.kind}`),
      [
        ...["1 bundled", "1 gateway", "1 queries", "1 fill"],
        ...["4 bundled", "4 alone", "4 gateway", "4 queries", "4 fill"],
      ],
    );
    for (const { operationsPerSecond: { min, median, max }, p50Ms, messages, messageBytes, failed } of results) {
      assert(0 < min && min <= median && median <= max);
      assert(p50Ms.median > 0 && messages.median > 0 && messageBytes.median > 0);
      assertEquals(failed.max, 0);
    }
    assertMatch(out, /A lone operation, [\d.]+ ms:/);
    assert(lone.length >= 5);
    assertMatch(error, /round 2 of 2/);
  });
});

Deno.test("the bench compares two checkouts in one run, here with itself, on links that are slow", async () => {
  await inFolder(async (folder) => {
    const json = `${folder}/bench.json`;
    const { code, out, error } = await bench(
      ...["--callers", "2", "--work", "bundled", "--against", fileURLToPath(root), "--wan", "20"],
      ...["--rounds", "1", "--json", json, ...SHORT],
    );
    assertEquals(code, 0, error);
    const { results } = JSON.parse(await Deno.readTextFile(json));
    assertEquals(results.length, 2, out);
    // Five delays; a timer may fire early by less than a millisecond.
    for (const { p50Ms: { median } } of results) {
      assert(median >= 95, `expected at least 5 delays of 20 ms, got ${median} ms\n${out}`);
    }
    assertMatch(out, /The delays alone: 100 ms/);
    assertMatch(out, /2 bundled, 20 ms one way: operations\/s x[\d.]+ \([\d.]+-[\d.]+\), p50 x/);
  });
});

Deno.test("the bench explains itself, and what is wrong with its arguments", async () => {
  assertMatch((await bench("--help")).out, /--callers LIST/);
  const wrong = [
    ...[["--rounds", "none"], ["--callers", "1.5"], ["--work", "up"], ["--fast"], ["--against", "/nowhere"]],
    ...[["--wan", "1,2"], ["--stalls", "1"]],
  ];
  for (const args of wrong) {
    const { code, out, error } = await bench(...args);
    assertEquals([code, out, error.trim().split("\n").length], [2, "", 1], error);
  }
});
