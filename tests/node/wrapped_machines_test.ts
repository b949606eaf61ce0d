/** A wrapper of a state machine, a core, a store or a transport passes all of its abilities on, also one that is added later. */
import { assertEquals } from "@std/assert";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { wrap } from "../../src/core/wrap.ts";
import { CutOff } from "../../src/cli/local_cluster/cut_off.ts";
import { Slate } from "../../src/cli/simulation/slate.ts";
import { watchedMaker } from "../../src/cli/simulation/watched.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import type { Core } from "../../src/node/durable/task.ts";
import { keptOpen } from "../../src/node/epochs/chain_store.ts";
import { withArchive } from "../../src/node/storage/archive.ts";
import { observed } from "../../src/node/watching/observed_machine.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { guardMachine } from "../../src/testing/machine/guard.ts";
import { loadedWhole } from "../../src/testing/machine/loaded_whole.ts";
import { observeCore, observeMachine } from "../../src/testing/world/observed_core.ts";
import { FakeCore } from "./_fake_core.ts";

/** What the core asks a machine for today. */
const ABILITIES = ["execute", "query", "takeChanges", "restore", "freezeChanges", "lazyLoading"] as const;

/** An ability that nobody knows of: a method of the class, one of the object, and a value that changes. */
class Flier {
  height = 0;
  readonly land = () => this.height = 0;
  get isFlying(): boolean {
    return this.height > 0;
  }
  fly(metres: number): number {
    return this.height += metres;
  }
}

/** Gives an object of a class the abilities of a {@linkcode Flier}, as if a later version had added them. */
function flying<T extends object>(inner: T): T & Flier {
  const flier = new Flier();
  const prototype = Object.create(Object.getPrototypeOf(inner), {
    fly: { value: (metres: number) => flier.fly(metres) },
    isFlying: { get: () => flier.isFlying },
  });
  Object.setPrototypeOf(inner, prototype);
  return Object.defineProperties(inner, {
    land: { value: flier.land },
    height: { get: () => flier.height },
  }) as T & Flier;
}

function assertFlies(wrapped: object): void {
  const flier = wrapped as Flier;
  assertEquals([flier.fly(3), flier.height, flier.isFlying, flier.land(), flier.isFlying], [3, 3, true, 0, false]);
}

const machines: Readonly<Record<string, (machine: StateMachine) => StateMachine>> = {
  "a watched machine": (machine) => observed(machine, new Map()),
  "a guarded machine": (machine) => guardMachine(machine),
  "a watched guarded machine": (machine) => observed(guardMachine(machine), new Map()),
  "a machine in the simulator": (machine) => observeMachine(machine, []),
  "a machine whose calls are timed": (machine) => watchedMaker(() => machine, new Slate())(),
};

for (const [name, wrapped] of Object.entries(machines)) {
  Deno.test(`${name} has all abilities of the key-value machine, and new ones`, () => {
    const machine = wrapped(flying(new KeyValue()));
    assertEquals(ABILITIES.filter((ability) => machine[ability] === undefined), []);
    assertFlies(machine);
    assertFlies(
      wrapped(Object.assign(new KeyValue(), { lazyLoading: flying(new KeyValue().lazyLoading) })).lazyLoading!,
    );
  });
}

Deno.test("a guarded machine tells its changes to those who watch; a watched one has its listener", () => {
  assertEquals(typeof guardMachine(new KeyValue()).observeChanges, "function");
  assertEquals(observed(new KeyValue(), new Map()).observeChanges, undefined);
});

Deno.test("a machine that is loaded whole has new abilities, and no lazy loading", () => {
  const machine = loadedWhole(flying(new KeyValue()));
  assertEquals([machine.lazyLoading, machine.freezeChanges], [undefined, undefined]);
  assertFlies(machine);
});

Deno.test("a core in the simulator has new abilities", () => {
  const observers = { onStep() {}, unread: null as never, nextCommit: () => 1 };
  assertFlies(observeCore(flying(new FakeCore(() => ({}), null as never, null as never) as Core), [], observers));
});

Deno.test("wrapped stores, transports and nodes have new abilities", () => {
  assertFlies(withArchive(flying(new MemoryStore()), { put: () => Promise.resolve() }));
  assertFlies(keptOpen(flying(new MemoryStore())));
  const cut = new CutOff();
  assertFlies(cut.transport(flying({ deliver: () => Promise.resolve() })));
  assertFlies(cut.node(flying(new (class Node {})()) as never));
});

Deno.test("a wrapper is of the same class, passes values on as they change, and may take an ability away", () => {
  const inner = new Flier();
  const wrapped = wrap(inner, { land: undefined, fly: () => -1 });
  inner.height = 5;
  assertEquals([wrapped instanceof Flier, wrapped.height, wrapped.isFlying], [true, 5, true]);
  assertEquals([wrapped.land, wrapped.fly(1), inner.fly(1)], [undefined, -1, 6]);
});
