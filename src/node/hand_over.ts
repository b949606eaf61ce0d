/**
 * Hand-over before a planned stop: a primary makes the others go on to the next view, so that clients need not wait for
 * a timeout.
 * @module
 */
import { millis } from "../core/messages/ids.ts";
import { deferred } from "./async/deferred.ts";
import type { ReplicaNode } from "./node.ts";
import type { Timer } from "./ports.ts";

/** Timeout of a hand-over, ms. It needs a round trip and a few commits to stores. */
const TIMEOUT_MS = 1_000;

/**
 * Hands the view over. Resolves once the next view has started, or after the timeout; at once if this replica is not
 * the primary of a started view.
 */
export function handOver(node: ReplicaNode, timer: Timer): Promise<void> {
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
