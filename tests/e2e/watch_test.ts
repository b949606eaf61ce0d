/** A watch of real replica processes, one of which is killed and another one stopped for a while. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { type ChangeEvent, Client, type MissedEvent } from "../../src/client/mod.ts";
import { Fleet } from "../chaos/fleet.ts";
import { eventually } from "../tools/eventually.ts";

const KEYS = ["w/a", "w/b", "w/c"];
/** The last change of all. */
const END = "w/end";
const PAUSE_MS = 2_000;
/** Leaves cores to others. */
const THINK_MS = 5;
const TIMEOUT_MS = 60_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One caller that increments one key after another, and now and then one that nobody watches. */
class Caller {
  /** The changes that it has made below the prefix, in their order. */
  readonly made: string[] = [];
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(client: Client) {
    this.#running = this.#run(client);
    this.#running.catch(() => {}); // Its error is thrown by `stop`.
  }

  /** Resolves once so many more changes are made. */
  async untilMore(count: number): Promise<void> {
    const enough = this.made.length + count;
    const ended = this.#running.then(() => Promise.reject(new Error("the caller has ended")));
    await Promise.race([
      eventually(`${count} more`, () => Promise.resolve(this.made.length >= enough), TIMEOUT_MS),
      ended,
    ]);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(client: Client): Promise<void> {
    for (let i = 0; !this.#isOver; i++) {
      const key = KEYS[i % KEYS.length]!;
      this.made.push(`${key}=${await client.invoke(`INCR ${key}`)}`);
      if (i % 10 === 0) await client.invoke("INCR unwatched");
      await pause(THINK_MS);
    }
  }
}

/** Notes what a watch gives until the last change. */
class Watcher {
  readonly events: (ChangeEvent | MissedEvent)[] = [];
  readonly #ended: Promise<void>;
  #isOver = false;

  constructor(watch: AsyncIterable<ChangeEvent | MissedEvent>) {
    this.#ended = this.#run(watch).finally(() => this.#isOver = true);
    this.#ended.catch(() => {}); // Its error is thrown by `untilEnd`.
  }

  async untilEnd(): Promise<void> {
    await eventually("the watch gives the last change", () => Promise.resolve(this.#isOver), TIMEOUT_MS);
    await this.#ended;
  }

  async #run(watch: AsyncIterable<ChangeEvent | MissedEvent>): Promise<void> {
    for await (const event of watch) {
      if (event.kind === "change" && event.key === END) return;
      this.events.push(event);
    }
  }
}

/** kill -9 under load; then it starts with what its store holds, and catches up. */
async function killAndRestart(fleet: Fleet, name: string, caller: Caller): Promise<void> {
  await fleet.kill(name);
  await caller.untilMore(20);
  fleet.start(name);
  await fleet.untilReady(name);
  await fleet.untilLevel(name);
}

/**
 * The primary dies and comes back; another replica stands still, with its connections, and goes on; two more die in turn. So three of four
 * streams are broken, and two are needed.
 */
async function trouble(fleet: Fleet, caller: Caller): Promise<void> {
  await caller.untilMore(20);
  const first = await fleet.primary();
  await killAndRestart(fleet, first, caller);
  const second = await fleet.primary();
  assertNotEquals(second, first);
  const [third, fourth] = fleet.names.filter((name) => name !== first && name !== second);
  fleet.pause(third!);
  await Promise.all([caller.untilMore(20), pause(PAUSE_MS)]);
  fleet.resume(third!);
  await fleet.untilLevel(third!);
  await killAndRestart(fleet, third!, caller);
  await killAndRestart(fleet, fourth!, caller);
  await caller.untilMore(20);
}

Deno.test("a watch gives every change once and in order while replicas are killed and restarted, the primary too, and one stands still", async () => {
  const fleet = await Fleet.start(4);
  const client = new Client({ cluster: fleet.cluster, timeoutMs: TIMEOUT_MS });
  const other = new Client({ cluster: fleet.cluster });
  try {
    const watch = other.watch({ prefix: "w/" });
    await watch.begun;
    const watcher = new Watcher(watch);
    const caller = new Caller(client);
    try {
      await trouble(fleet, caller);
    } finally {
      await caller.stop();
    }
    await client.invoke(`SET ${END} 1`);
    await watcher.untilEnd();
    const { events } = watcher;
    const shown = events.map((event) =>
      event.kind === "change" ? `${event.key}=${event.value}` : JSON.stringify(event)
    );
    assertEquals(shown, caller.made);
    for (const event of events) assertEquals(event.kind === "change" && new Set(event.signedBy).size, fleet.f + 1);
    const last = new Map(shown.map((change) => change.split("=") as [string, string]));
    for (const key of KEYS) assertEquals(await client.invoke(`GET ${key}`), last.get(key));
  } catch (error) {
    console.error(fleet.lines.map(({ text }) => text).join("\n"));
    throw error;
  } finally {
    client.close();
    other.close();
    await fleet.stop();
  }
});
