/**
 * The end of a replica that is asked to stop: as primary it hands its view on, so that nobody waits for a timeout.
 * @module
 */
import { millis } from "../core/messages/ids.ts";
import { deferred } from "./async/deferred.ts";
import type { Node } from "./node.ts";
import type { Timer } from "./ports.ts";

/** How long a hand-over may take, ms. It takes a round trip and a few commits to stores. */
const TIMEOUT_MS = 1_000;

/** Resolves once the next view has started, or after a second; at once if this replica is not the primary of a view that has. */
export function handOver(node: Node, timer: Timer): Promise<void> {
  const { primary, active } = node.status().replica;
  if (primary !== node.self || !active || node.genesis.replicas.length === 1) return Promise.resolve();
  const { promise, resolve } = deferred<void>();
  const stopObserving = node.observe({
    onEvent(event) {
      if (event.kind === "new-view") resolve();
    },
  });
  const cancelTimeout = timer.schedule(millis(timer.now() + TIMEOUT_MS), resolve);
  node.askHandOver();
  return promise.finally(() => {
    cancelTimeout();
    stopObserving();
  });
}
