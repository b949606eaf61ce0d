/**
 * A user's machine and workload, each call of which is written on a slate while it lasts.
 * @module
 */
import type { FrozenChanges, LazyLoading, OperationContext, StateMachine } from "../../core/state_machine.ts";
import { wrap } from "../../core/wrap.ts";
import type { Workload } from "../../testing/mod.ts";
import type { Act, Called, Slate } from "./slate.ts";

/** Makes machines whose calls are on the slate. */
export function watchedMaker(create: () => StateMachine, slate: Slate): () => StateMachine {
  return () => watchedMachine(slate.during("making", null, create), slate);
}

function watchedMachine(machine: StateMachine, slate: Slate): StateMachine {
  /** The operation that the next changes of the state come from. */
  let last: Called | null = null;
  const about = <T>(act: Act, call: () => T) => slate.during(act, last, call);
  const asked = (method: "execute" | "query", operation: Uint8Array, context?: OperationContext) => {
    const called = { operation, sequence: context?.sequence ?? 0, client: context?.client ?? "nobody" };
    if (method === "execute") last = called;
    // A query that comes without a context is passed on without one.
    return slate.during(method, called, () => machine[method](operation, context!));
  };
  const { lazyLoading } = machine;
  return wrap(machine, {
    execute: (operation, context) => asked("execute", operation, context),
    query: (operation, context) => asked("query", operation, context),
    // Made into a list here: a generator would run later, outside of the watched call.
    takeChanges: () => about("takeChanges", () => listOf(machine.takeChanges())),
    restore: (chunks) => about("restore", () => machine.restore(chunks)),
    ...machine.freezeChanges && {
      freezeChanges: () => watchedFrozen(about("freezeChanges", () => machine.freezeChanges!()), about),
    },
    ...machine.observeChanges && {
      observeChanges: (listener) => about("observeChanges", () => machine.observeChanges!(listener)),
    },
    ...lazyLoading && { lazyLoading: watchedLoading(lazyLoading, slate) },
  });
}

/** Something that is no list stays what it is. */
function listOf<T>(changes: Iterable<T>): Iterable<T> {
  return typeof changes?.[Symbol.iterator] === "function" ? [...changes] : changes;
}

/** The changes are made later, one at a time. */
function watchedFrozen(frozen: FrozenChanges, about: <T>(act: Act, call: () => T) => T): FrozenChanges {
  return wrap(frozen, {
    get size() {
      return about("freezeChanges", () => frozen.size);
    },
    next: () => about("freezeChanges", () => frozen.next()),
  });
}

function watchedLoading(inner: LazyLoading, slate: Slate): LazyLoading {
  const during = <T>(call: () => T) => slate.during("lazyLoading", null, call);
  return wrap(inner, {
    unload: (isEmpty) => during(() => inner.unload(isEmpty)),
    load: (chunks) => during(() => inner.load(chunks)),
    needs: (operations) => during(() => inner.needs(operations)),
    needsToSeal: () => during(() => inner.needsToSeal()),
    ...inner.mark && { mark: () => during(() => inner.mark!()) },
    ...inner.undo && { undo: () => during(() => inner.undo!()) },
  });
}

/** The same workload, whose calls are on the slate. */
export function watchedWorkload(workload: Workload, slate: Slate): Workload {
  const during = <T>(call: () => T) => slate.during("workload", null, call);
  const { model } = workload;
  return wrap(workload, {
    operation: (random, id) => during(() => workload.operation(random, id)),
    ...workload.query && { query: (random) => during(() => workload.query!(random)) },
    ...model && {
      model: wrap(model, {
        part: (operation) => during(() => model.part(operation)),
        apply: (state, operation) => during(() => model.apply(state, operation)),
      }),
    },
  });
}
