/**
 * The `configure` operation: the members agree on the next configuration by ordering it (`docs/membership.md`).
 *
 * It takes effect at the next checkpoint, at the number c: the first multiple of K at or above its own number. The
 * epoch closes there. The primary fills the log with null requests up to c if there is nothing else to order. Numbers
 * above c may have been proposed, and even committed, before this replica knew of the end. No correct replica executes
 * them in this epoch, because each executes the `configure` first. They are dropped, and their requests wait for the
 * next epoch.
 * @module
 */
import { type Pending, pendingOf, plainOf } from "./pending.ts";
import type { Environment } from "../io.ts";
import type { SequenceNumber } from "../messages/ids.ts";
import type { Result } from "../messages/requests.ts";
import type { ReplicaState } from "../state.ts";
import type { Step } from "../step.ts";
import { utf8 } from "../tree/text.ts";
import { stableSequence } from "../messages/certificates.ts";

/** The longest reason of a refusal, characters. */
const MAX_REASON_LENGTH = 1_024;

/** The number of the present epoch. */
export function epochOf({ genesis }: Pick<Environment, "genesis">): number {
  return genesis.start?.epoch ?? 0;
}

/** Whether an operation is for the cluster itself, and not for its state machine. */
export function isForCluster({ configure }: Pick<Environment, "configure">, operation: Uint8Array): boolean {
  return configure?.is(operation) ?? false;
}

/** What a batch has configured so far. It takes effect when the whole batch is executed. */
export interface Configured {
  configured: Pending | null;
}

/** Executes an operation if it is a `configure`; otherwise returns `null`. All correct replicas decide alike. */
export function executeConfigure(
  { env, state }: Step,
  { sequence, notes }: { readonly sequence: SequenceNumber; readonly notes: Configured },
  operation: Uint8Array,
): Result | null {
  if (!env.configure || !isForCluster(env, operation)) return null;
  const result = (status: "ok" | "rejected", text: string): Result => ({
    sequence,
    status,
    value: utf8(text.slice(0, MAX_REASON_LENGTH)),
  });
  const before = notes.configured ?? state.epochs.pending;
  if (before) {
    const { epoch, closesAt } = before;
    return result("rejected", `already-pending: epoch ${epoch} begins after ${closesAt}`);
  }
  const checked = env.configure.check(operation);
  if ("refused" in checked) return result("rejected", checked.refused);
  const K = env.genesis.checkpointInterval;
  const closesAt = Math.ceil(sequence / K) * K as SequenceNumber;
  const { configuration, approvals, hash } = checked;
  const { stateMachine = env.genesis.stateMachine } = checked;
  const pending = { epoch: epochOf(env) + 1, closesAt, configuration, approvals, stateMachine, hasFailed: false };
  notes.configured = pending;
  return result("ok", JSON.stringify({ epoch: pending.epoch, configuration: hash, after: closesAt }));
}

/** The batch was executed: its configuration takes effect. */
export function adoptConfigured(step: Step, { configured }: Configured): void {
  if (!configured) return;
  step.state.epochs.isChanged = true;
  closeAt(step.state, configured);
  const { epoch, closesAt, configuration } = configured;
  step.event({ kind: "configured", epoch, configuration: step.env.hash(configuration), closesAt });
}

/** From now on the epoch ends at a known number, and nothing above it is ordered. */
function closeAt({ epochs, log, filling }: Pick<ReplicaState, "epochs" | "log" | "filling">, pending: Pending): void {
  epochs.pending = pending;
  log.closeAt(pending.closesAt);
  if (filling.through > pending.closesAt) filling.through = pending.closesAt;
}

/** The changed chunk of the state, if there is one. */
export function takeConfiguration({ env, state }: Pick<Step, "env" | "state">): Uint8Array | null {
  const { pending, isChanged } = state.epochs;
  state.epochs.isChanged = false;
  return isChanged && pending ? env.pack(plainOf(pending)) : null;
}

/** Takes over the chunk from a stored or fetched state. */
export function restoreConfiguration(
  env: Pick<Environment, "genesis" | "unpack" | "configure">,
  state: Pick<ReplicaState, "epochs" | "log" | "filling">,
  chunk: Uint8Array | null,
): void {
  if (chunk === null) return;
  const pending = pendingOf(env.unpack(chunk));
  // The chunk of an earlier `configure` stays in the state: it is the present configuration.
  if (pending.epoch <= epochOf(env)) return;
  const { configure, genesis } = env;
  const stateMachine = configure?.machineOf ? configure.machineOf(pending.configuration) : genesis.stateMachine;
  if (stateMachine !== null) closeAt(state, { ...pending, stateMachine });
}

/** Whether the primary must still propose numbers, because the epoch is closing. */
export function mustFill({ epochs, lastProposed }: ReplicaState): boolean {
  return epochs.pending !== null && lastProposed < epochs.pending.closesAt;
}

/** Whether numbers before the end of the epoch are not executed yet. A correct primary gets that done. */
export function isClosing({ epochs, lastExecuted }: ReplicaState): boolean {
  return epochs.pending !== null && lastExecuted < epochs.pending.closesAt;
}

/** Whether all numbers of the epoch are executed. Requests wait for the next epoch, and not for the primary. */
export function isOver({ epochs, lastExecuted }: ReplicaState): boolean {
  return epochs.pending !== null && lastExecuted >= epochs.pending.closesAt;
}

/** Whether the checkpoint that ends the epoch is awaited. */
export function isEnding({ epochs, log }: ReplicaState): boolean {
  return epochs.pending !== null && log.low < epochs.pending.closesAt;
}

/**
 * At the end of a step: tells the host, once, that the closing checkpoint is stable and that this replica has its
 * state.
 */
export function checkClosed(step: Step): void {
  const { epochs, stable, tree, transfer } = step.state;
  if (!epochs.pending || epochs.isReported || transfer) return;
  const { epoch, closesAt } = epochs.pending;
  if (stableSequence(stable) !== closesAt || tree.sequence !== closesAt) return;
  epochs.isReported = true;
  step.closed = { epoch, certificate: stable };
  step.event({ kind: "epoch-closed", epoch, sequence: closesAt });
}
