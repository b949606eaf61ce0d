/**
 * Batch bodies that are known by digest only: they are fetched from one replica after another, those first that must have them.
 * @module
 */
import type { Digest, Millis, ReplicaId } from "./ids.ts";
import { replicaId } from "./ids.ts";
import type { Slot } from "./message_log.ts";
import type { Fetch } from "./messages.ts";
import type { Step } from "./state.ts";

/** A body that was asked for. */
export interface WantedBody {
  /** Whom it is asked of, one after the other, and then again. */
  readonly order: readonly ReplicaId[];
  /** How many of them were asked. */
  asked: number;
  /** When the next is. */
  askAt: Millis;
}

/** Asks for the body of a slot's batch, unless that is under way. */
export function askForBody(step: Step, slot: Slot, digest: Digest): void {
  const { bodies } = step.state;
  if (bodies.has(digest)) return;
  const wanted: WantedBody = { order: holdersFirst(step, slot, digest), asked: 0, askAt: step.now };
  bodies.set(digest, wanted);
  askNext(step, digest, wanted);
}

/** Asks the next replica for each body that has been waited for long enough; forgets those that are not needed any more. */
export function checkBodies(step: Step): void {
  const { bodies } = step.state;
  if (bodies.size === 0 || step.now < (bodiesAt(step) ?? Infinity)) return;
  const missing = missingBodies(step);
  for (const [digest, wanted] of [...bodies]) {
    if (!missing.has(digest)) bodies.delete(digest);
    else if (step.now >= wanted.askAt) askNext(step, digest, wanted);
  }
}

/** When the next replica is to be asked for a body. */
export function bodiesAt(step: Step): Millis | null {
  let at: number | null = null;
  for (const { askAt } of step.state.bodies.values()) at = Math.min(at ?? Infinity, askAt);
  return at as Millis | null;
}

function askNext(step: Step, digest: Digest, wanted: WantedBody): void {
  const { statusIntervalMs, idleStatusMs } = step.env.settings;
  const peer = wanted.order[wanted.asked++ % wanted.order.length]!;
  const isFirstRound = wanted.asked < wanted.order.length;
  wanted.askAt = (step.now + (isFirstRound ? statusIntervalMs : idleStatusMs)) as Millis;
  step.send(peer, step.env.sign<Fetch>({ kind: "fetch", replica: step.self, digests: [digest] }));
}

/** The others: first those who have said that they have this batch for this number, the present primary foremost. */
function holdersFirst({ state, self, n, primary }: Step, slot: Slot, digest: Digest): readonly ReplicaId[] {
  const votes = [...slot.prepares.values(), ...slot.commits.values(), ...slot.decision];
  const holders = new Set(
    votes.filter(({ message }) => message.digest === digest).map(({ message }) => message.replica),
  );
  if (slot.waiting && !slot.waiting.carried) holders.add(slot.waiting.prePrepare.message.replica);
  for (const { message } of state.newView?.message.viewChanges ?? []) {
    const certificate = message.prepared.find(({ prePrepare }) => prePrepare.message.sequence === slot.sequence);
    if (certificate?.prePrepare.message.digest === digest) holders.add(message.replica);
  }
  const rank = (peer: ReplicaId) => (holders.has(peer) ? 0 : 2) + (peer === primary ? 0 : 1);
  const others = Array.from({ length: n - 1 }, (_, i) => replicaId((self + 1 + i) % n));
  return others.sort((a, b) => rank(a) - rank(b));
}

/** The bodies that are needed. One that comes may have been asked for before a restart. */
export function missingBodies({ state }: Step): ReadonlySet<Digest> {
  const missing = new Set<Digest>();
  for (const slot of state.log.slots()) {
    if (slot.sequence <= state.lastExecuted) continue;
    if (slot.committed !== null && slot.batch?.digest !== slot.committed) missing.add(slot.committed);
    if (slot.waiting && !slot.waiting.batch) missing.add(slot.waiting.prePrepare.message.digest);
  }
  return missing;
}
