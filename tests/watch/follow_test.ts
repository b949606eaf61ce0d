/** How long a watch waits for a replica whose network swallows what is sent to it. */
import { assert, assertEquals } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { follow, type Following } from "../../src/client/watch/follow.ts";
import { News } from "../../src/client/watch/news.ts";
import { Tally } from "../../src/client/watch/tally.ts";
import { ManualTimer } from "../client/manual_timer.ts";

/** The times of the first requests to a replica that never answers, or answers and says nothing, s. */
async function requestsOf(answer: (signal: AbortSignal) => Promise<Response>): Promise<readonly number[]> {
  const timer = new ManualTimer();
  const watch = new AbortController();
  const times: number[] = [];
  const following = follow(0 as ReplicaId, {
    epoch: {
      genesis: { replicas: [{ name: "Apple" }] },
      urls: { Apple: "http://apple.test" },
    } as unknown as Following["epoch"],
    verifier: null as unknown as Following["verifier"],
    fetch: (_input, init) => {
      times.push(timer.monotonic() / 1_000);
      return answer(init!.signal!);
    },
    timer,
    watch: { batches: true },
    tally: new Tally({ n: 4, from: null }),
    news: new News(),
    signal: watch.signal,
    speaking: new Set(),
    onEnd: () => {},
  });
  while (times.length < 7) {
    assert(timer.monotonic() < 2_000_000, `${times} ${timer.monotonic()}`);
    for (let turns = 0; turns < 5; turns++) await timer.turn();
    timer.advance(100);
  }
  watch.abort();
  await following;
  return times;
}

const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));

Deno.test("a replica that never answers a watch is asked again after 5 s, and then more and more seldom", async () => {
  const times = await requestsOf(aborted);
  const gaps = times.slice(1).map((time, i) => Math.floor(time - times[i]!));
  // The wait for the first line, and the pause after a failure.
  assertEquals(gaps, [5, 10, 20, 40, 61, 63]);
});

Deno.test("a replica that answers a watch, and says nothing, is asked again just as soon", async () => {
  const silent = (signal: AbortSignal) => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => signal.addEventListener("abort", () => controller.error(new Error("aborted"))),
    });
    return Promise.resolve(new Response(body));
  };
  const times = await requestsOf(silent);
  assertEquals(Math.floor(times[1]! - times[0]!), 5);
});
