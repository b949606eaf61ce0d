/**
 * The body of an answer that goes on: each piece travels by itself, in order, while its caller reads.
 * @module
 */
import type { Random } from "../../random.ts";
import type { Engine } from "../../world/engine.ts";
import type { Network } from "../../world/network.ts";
import type { Site } from "./site.ts";

/** The way of the pieces. */
export interface Way {
  readonly engine: Engine;
  readonly network: Network;
  readonly random: Random;
  readonly site: Site;
  readonly signal: AbortSignal | null;
}

/** The part of the pieces after which the connection breaks, where the network loses something. */
const BREAKS = 0.2;

/** The same body at the caller. It breaks if the site's process ends, or the caller's signal aborts. */
export function pieces(body: ReadableStream<Uint8Array>, way: Way): ReadableStream<Uint8Array> {
  const { engine, network, random, site, signal } = way;
  const reader = body.getReader();
  let isOver = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      signal?.addEventListener("abort", () => {
        if (!isOver) controller.error(signal.reason);
        isOver = true;
        void reader.cancel().catch(() => {});
      }, { once: true });
    },
    async pull(controller) {
      const fail = () => {
        if (!isOver) controller.error(new TypeError("the connection broke"));
        isOver = true;
        void reader.cancel().catch(() => {});
      };
      try {
        const { done, value } = await site.unlessEnded(reader.read());
        if (random.chance(BREAKS * network.habits.loss)) return fail();
        await new Promise<void>((resolve) => engine.after(network.latencyMs(), resolve));
        if (isOver) return;
        if (!done) return controller.enqueue(value);
        isOver = true;
        controller.close();
      } catch {
        fail();
      }
    },
    cancel: () => {
      isOver = true;
      void reader.cancel().catch(() => {});
    },
  }, { highWaterMark: 0 });
}
