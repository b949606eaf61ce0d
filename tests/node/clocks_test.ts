import { assert, assertEquals } from "@std/assert";
import { type Millis, millis } from "../../src/core/messages/ids.ts";
import type { Timer } from "../../src/node/ports.ts";
import { createApp } from "../../src/http/app.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster, texts } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

const HOUR = 3_600_000;
const START = 1_900_000_000_000;

/** A cluster each of whose members has a clock of its own: what passes is the same for all. */
class Clocks {
  readonly time = new ManualTimer();
  readonly skews = [0, 0, 0, 0];
  /** What the clocks that stand still show. */
  readonly frozen = new Map<number, number>();
  cluster!: Cluster;

  static async open(skews: readonly number[]): Promise<Clocks> {
    const clocks = new Clocks();
    skews.forEach((skew, id) => clocks.skews[id] = skew);
    clocks.cluster = await Cluster.open({ node: (id) => ({ timer: clocks.of(id) }) });
    await clocks.time.idle();
    return clocks;
  }

  of(id: number): Timer {
    const { time, skews, frozen } = this;
    const now = () => millis(frozen.get(id) ?? Math.max(0, START + time.now() + skews[id]!));
    return {
      now,
      monotonic: () => time.monotonic(),
      schedule: (at: Millis, fire) => time.schedule(millis(time.now() + Math.max(0, at - now())), fire),
      soon: (run) => time.soon(run),
    };
  }

  /** Has an operation ordered at a gateway; gives its result as text. */
  async vouch(gateway: number, timestamp: number, withinMs = 5_000): Promise<readonly string[]> {
    const operation = { name: "ada", timestamp, operation: utf8(`INCR n`) };
    let answer: readonly string[] | null = null;
    void this.cluster.node(gateway).vouch([operation]).then((given) => {
      answer = "results" in given ? texts(given.results) : [given.reason];
    });
    for (let ms = 0; ms < withinMs && answer === null; ms += 10) await this.time.advance(10);
    return answer ?? [`no answer in ${withinMs} ms`];
  }

  /** Posts to `/req` without a timestamp. */
  async post(gateway: number, operation: string): Promise<number> {
    const app = createApp(this.cluster.node(gateway), { timer: this.of(gateway) });
    let status = 0;
    const body = JSON.stringify({ clientID: "curl", operation });
    void Promise.resolve(app.request("/req", { method: "POST", headers: { "content-type": "application/json" }, body }))
      .then((response) => status = response.status);
    for (let i = 0; i < 500 && status === 0; i++) await this.time.advance(10);
    return status;
  }

  get views(): readonly number[] {
    return this.cluster.ids.map((id) => this.cluster.node(id).status().replica.view);
  }

  async close(): Promise<void> {
    await this.cluster.close();
  }
}

Deno.test("all clocks two hours ahead, one operation, clocks corrected: every gateway serves, in the same view", async () => {
  const clocks = await Clocks.open([2 * HOUR, 2 * HOUR, 2 * HOUR, 2 * HOUR]);
  assertEquals(await clocks.vouch(1, 1), ["ok 1"]);
  clocks.skews.fill(0);
  for (let i = 2; i <= 9; i++) assertEquals(await clocks.vouch(i % 4, i), [`ok ${i}`]);
  assertEquals(clocks.views, [0, 0, 0, 0]);
  await clocks.close();
});

Deno.test("with clocks hours apart, and jumping, every gateway serves", async () => {
  const clocks = await Clocks.open([0, 0, 0, 0]);
  assertEquals(await clocks.vouch(0, 1), ["ok 1"]);
  let count = 1;
  for (
    const skews of [[HOUR, 0, 0, 0], [-HOUR, 3 * HOUR, 0, 0], [0, -HOUR, -HOUR, -HOUR], [9 * HOUR, HOUR, 1, -HOUR]]
  ) {
    skews.forEach((skew, id) => clocks.skews[id] = skew);
    for (let gateway = 0; gateway < 4; gateway++) assertEquals(await clocks.vouch(gateway, ++count), [`ok ${count}`]);
    await clocks.time.advance(30_000);
  }
  assertEquals(clocks.views, [0, 0, 0, 0]);
  await clocks.close();
});

Deno.test("after 15 idle minutes, operations that arrive together at several gateways are all served", async () => {
  const clocks = await Clocks.open([0, 0, 0, 0]);
  assertEquals(await clocks.vouch(0, 1), ["ok 1"]);
  await clocks.time.advance(HOUR / 4);
  const answers: string[] = [];
  for (let gateway = 0; gateway < 4; gateway++) {
    for (let i = 0; i < 3; i++) {
      const operation = { name: `client ${gateway}`, timestamp: i, operation: utf8("INCR n") };
      void clocks.cluster.node(gateway).vouch([operation]).then((given) => {
        answers.push("results" in given ? texts(given.results)[0]!.split(" ")[0]! : given.reason);
      });
      await clocks.time.advance(i);
    }
  }
  await clocks.time.advance(3_000);
  assertEquals(answers, new Array(12).fill("ok"));
  assertEquals(await clocks.vouch(2, 2), ["ok 14"]);
  await clocks.close();
});

Deno.test("a client without timestamps is served at one gateway after the other, whatever their clocks show", async () => {
  const clocks = await Clocks.open([0, 0, 0, 0]);
  await clocks.vouch(0, 1);
  [HOUR, -HOUR, 0, 5 * HOUR].forEach((skew, id) => clocks.skews[id] = skew);
  for (let round = 0; round < 2; round++) {
    for (let gateway = 0; gateway < 4; gateway++) {
      const times = gateway === round ? 66 : 1;
      for (let i = 0; i < times; i++) assertEquals(await clocks.post(gateway, "INCR m"), 200);
    }
  }
  await clocks.close();
});

Deno.test("a gateway that was offline serves as soon as it has caught up", async () => {
  const clocks = await Clocks.open([0, 0, 0, 0]);
  await clocks.vouch(0, 1);
  clocks.cluster.crash(3);
  for (let i = 2; i <= 40; i++) {
    assertEquals(await clocks.vouch(i % 3, i), [`ok ${i}`]);
    await clocks.time.advance(10_000);
  }
  await clocks.cluster.start(3);
  assertEquals(await clocks.vouch(3, 41, 20_000), ["ok 41"]);
  assert(clocks.views.every((view) => view === clocks.views[0]));
  await clocks.close();
});

Deno.test("with a primary whose clock stands still, the agreed time still advances", async () => {
  const clocks = await Clocks.open([0, 0, 0, 0]);
  await clocks.vouch(1, 1);
  const agreed = () => clocks.cluster.node(1).status().replica.agreedTime;
  const from = agreed();
  clocks.frozen.set(0, clocks.of(0).now());
  for (let i = 2; i <= 20; i++) {
    await clocks.time.advance(3_000);
    assertEquals(await clocks.vouch(1 + i % 3, i), [`ok ${i}`]);
  }
  assert(agreed() - from > 55_000, `${agreed() - from} ms of agreed time in a minute`);
  assertEquals(clocks.views, [0, 0, 0, 0]);
  await clocks.close();
});
