/** A client's pauses. */
import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../src/testing/world/engine.ts";
import { Random } from "../../src/testing/random.ts";
import { ThinkTime } from "../../src/testing/clients/think_time.ts";

Deno.test("a hurried client ends its pauses soon, each once, and makes short ones from then on", async () => {
  const engine = new Engine();
  const thinking = new ThinkTime(engine, new Random(1), 1_000_000);
  const acted: number[] = [];
  const act = () => acted.push(engine.now);
  for (let i = 0; i < 5; i++) thinking.before(act);
  await engine.run(1_000, () => false);
  assertEquals(acted, []);
  thinking.hurry();
  thinking.before(act);
  await engine.run(100_000_000, () => false);
  assertEquals(acted.length, 6);
  assert(acted.every((at) => at < 1_000 + 10 * 50_000), `${acted}`);
});
