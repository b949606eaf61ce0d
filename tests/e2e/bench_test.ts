import { assert, assertEquals, assertMatch } from "@std/assert";
import { root } from "../tools/files.ts";

async function bench(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "tests/bench/bench.ts", ...args],
    cwd: root,
    stdin: "null",
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, error: error! };
}

Deno.test("the bench measures callers both ways, says where a lone operation's time goes, and writes JSON", async () => {
  const json = await Deno.makeTempFile();
  const { code, out, error } = await bench(
    ...["--callers", "1,4", "--seconds", "0.3", "--rounds", "2", "--json", json, "--memory"],
  );
  assertEquals(code, 0, error);
  const { results, lone } = JSON.parse(await Deno.readTextFile(json));
  assertEquals(
    results.map((r: { callers: number; way: string }) => `${r.callers} ${r.way}`),
    ["1 bundled", "4 bundled", "4 alone"],
  );
  for (const { operationsPerSecond: { min, median, max }, p50Ms, messages, messageBytes } of results) {
    assert(0 < min && min <= median && median <= max);
    assert(p50Ms.median > 0 && messages.median > 0 && messageBytes.median > 0);
  }
  assertMatch(out, /A lone operation, [\d.]+ ms:/);
  assert(lone.length >= 5);
  assertMatch(error, /round 2 of 2/);
  await Deno.remove(json);
});

Deno.test("the bench explains itself, and what is wrong with its arguments", async () => {
  assertMatch((await bench("--help")).out, /--callers LIST/);
  for (const args of [["--rounds", "none"], ["--callers", "1.5"], ["--ways", "up"], ["--fast"]]) {
    const { code, out, error } = await bench(...args);
    assertEquals([code, out, error.trim().split("\n").length], [2, "", 1]);
  }
});
