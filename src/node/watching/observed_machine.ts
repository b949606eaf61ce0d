/**
 * A state machine whose changes are written down by the number of their batch.
 * @module
 */
import type { LazyLoading, StateChange, StateMachine } from "../../core/state_machine.ts";

/** The same machine. `changes` gets what it changes, by number; a machine that does not tell that is returned as it is. */
export function observed(machine: StateMachine, changes: Map<number, StateChange[]>): StateMachine {
  if (!machine.observeChanges) return machine;
  let sequence = 0;
  let batch: StateChange[] = [];
  machine.observeChanges((change) => void batch.push(change));
  const { lazyLoading } = machine;
  return {
    version: machine.version,
    execute(operation, context) {
      if (context.sequence !== sequence || !changes.has(sequence)) {
        sequence = context.sequence;
        changes.set(sequence, batch = []);
      }
      const before = batch.length;
      try {
        return machine.execute(operation, context);
      } catch (error) {
        // It has changed nothing, whatever it has told.
        batch.length = before;
        throw error;
      }
    },
    query: (operation, context) => machine.query(operation, context),
    takeChanges: () => machine.takeChanges(),
    restore: (chunks) => machine.restore(chunks),
    ...machine.freezeChanges && { freezeChanges: () => machine.freezeChanges!() },
    ...lazyLoading && { lazyLoading: withUndo(lazyLoading, () => changes.delete(sequence)) },
  };
}

/** Calls `onUndo` when the batch is undone, to be run anew. */
function withUndo(lazyLoading: LazyLoading, onUndo: () => void): LazyLoading {
  return {
    unload: (isEmpty) => lazyLoading.unload(isEmpty),
    load: (chunks) => lazyLoading.load(chunks),
    needs: (operations) => lazyLoading.needs(operations),
    needsToSeal: () => lazyLoading.needsToSeal(),
    ...lazyLoading.mark && { mark: () => lazyLoading.mark!() },
    ...lazyLoading.undo && {
      undo() {
        onUndo();
        lazyLoading.undo!();
      },
    },
  };
}
