/**
 * Freezing the changes since the last checkpoint: those of the state machine, of the client table and of the accepted
 * configuration.
 * @module
 */
import { CONFIGURATION_CHUNK } from "../epochs/pending.ts";
import { takeConfiguration } from "../epochs/configure.ts";
import { changesOf, failureOf, frozenChangesOf, guarded, StateMachineError } from "../ordering/machine_guard.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import { haveChunks } from "../checkpoints/loading.ts";
import { AT_ONCE } from "../config.ts";
import type { Frozen } from "./state.ts";
import type { Step } from "../step.ts";

/** Whether all that the state machine needs to be frozen is loaded. If not, requests it. */
export function haveFrozenNeeds(step: Step): boolean {
  const { stateMachine } = step.env;
  const { lazyLoading } = stateMachine;
  if (!lazyLoading) return true;
  return haveChunks(step, guarded(stateMachine, "lazyLoading.needsToSeal", () => [...lazyLoading.needsToSeal()]));
}

/**
 * Freezes all changes.
 * @throws {StateMachineError} if the machine fails; then no change is lost.
 */
export function freeze(step: Step): Frozen {
  const { state: { clients, lastExecuted, history, agreedTime }, env: { stateMachine, settings } } = step;
  const machine = stateMachine.freezeChanges ? frozenChangesOf(stateMachine) : null;
  const listed = machine ? [] : changesOf(stateMachine).map(([id, chunk]): ChunkChange => [`m${id}`, chunk]);
  const configuration = takeConfiguration(step);
  if (configuration) listed.push([CONFIGURATION_CHUNK, configuration]);
  clients.freeze();
  let at = 0;
  let isMachineDone = machine === null;
  return {
    sequence: lastExecuted,
    history,
    agreedTime,
    blocks: (!machine && stateMachine.lazyLoading !== undefined) || settings.checkpointSliceBytes === AT_ONCE,
    get left() {
      return listed.length - at + (isMachineDone ? 0 : machine!.size) + clients.frozen;
    },
    next() {
      if (at < listed.length) return listed[at++]!;
      const client = clients.nextFrozen();
      if (client || isMachineDone) return client;
      const change = machine!.next();
      isMachineDone = change === null;
      return change && [`m${change[0]}`, change[1]];
    },
    idsLeft: () => listed.slice(at).map(([id]) => id),
  };
}

/**
 * The ids of the chunks that may differ from those that the tree names. A machine with lazy loading adds none, because
 * its stored chunks can be used. If the machine can't report its changes, all its chunks count as changed.
 */
export function changedIds(step: Step): ReadonlySet<string> {
  const { sealing, clients, tree } = step.state;
  const { stateMachine } = step.env;
  const ids = new Set([...sealing?.made.map(([id]) => id) ?? [], ...sealing?.frozen.idsLeft() ?? []]);
  try {
    if (!stateMachine.lazyLoading) { for (const [id] of changesOf(stateMachine)) ids.add(`m${id}`); }
  } catch (error) {
    if (!(error instanceof StateMachineError)) throw error;
    step.event(failureOf(error, step.state.lastExecuted));
    for (const id of tree.idsOutside(new Set())) if (id.startsWith("m")) ids.add(id);
  }
  for (const [id] of clients.takeChanges()) ids.add(id);
  if (takeConfiguration(step)) ids.add(CONFIGURATION_CHUNK);
  return ids;
}
