/**
 * A state machine whose changes are written down by the number of their batch.
 * @module
 */
import type { LazyLoading, StateChange, StateMachine } from "../../core/state_machine.ts";
import { wrap } from "../../core/wrap.ts";

/** The same machine. `changes` gets what it changes, by number; a machine that does not tell that is returned as it is. */
export function observed(machine: StateMachine, changes: Map<number, StateChange[]>): StateMachine {
  if (!machine.observeChanges) return machine;
  let sequence = 0;
  let batch: StateChange[] = [];
  machine.observeChanges((change) => void batch.push(change));
  const { lazyLoading } = machine;
  return wrap(machine, {
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
    // It has told its one listener.
    observeChanges: undefined,
    ...lazyLoading && { lazyLoading: withUndo(lazyLoading, () => changes.delete(sequence)) },
  });
}

/** Calls `onUndo` when the batch is undone, to be run anew. */
function withUndo(lazyLoading: LazyLoading, onUndo: () => void): LazyLoading {
  if (!lazyLoading.undo) return lazyLoading;
  return wrap(lazyLoading, {
    undo() {
      onUndo();
      lazyLoading.undo!();
    },
  });
}
