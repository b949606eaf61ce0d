/**
 * Batch bodies that are known by digest only: they are fetched from one replica after another.
 * @module
 */
import { type Digest, type Millis, replicaId } from "./ids.ts";
import type { Fetch } from "./messages.ts";
import type { Step } from "./state.ts";

/** Asks for a body, unless it was asked for just now. */
export function askForBody(step: Step, digest: Digest): void {
  const { bodies } = step.state;
  const asked = bodies.get(digest) ?? { at: 0 as Millis, attempt: 0 };
  if (asked.attempt > 0 && step.now < asked.at + step.env.settings.statusIntervalMs) return;
  const peer = replicaId((step.self + 1 + asked.attempt % (step.n - 1)) % step.n);
  bodies.set(digest, { at: step.now, attempt: asked.attempt + 1 });
  step.send(peer, step.env.sign<Fetch>({ kind: "fetch", replica: step.self, digests: [digest] }));
}

/** Asks again for every body that is still missing, and forgets those that are not needed any more. */
export function askForMissingBodies(step: Step): void {
  const missing = new Set<Digest>();
  for (const slot of step.state.log.slots()) {
    if (slot.sequence <= step.state.lastExecuted) continue;
    if (slot.committed !== null && slot.batch?.digest !== slot.committed) missing.add(slot.committed);
    if (slot.waiting && !slot.waiting.batch) missing.add(slot.waiting.prePrepare.message.digest);
  }
  for (const digest of [...step.state.bodies.keys()]) if (!missing.has(digest)) step.state.bodies.delete(digest);
  for (const digest of missing) askForBody(step, digest);
}
