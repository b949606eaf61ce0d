import { assert, assertEquals } from "@std/assert";
import { InvariantError } from "../../src/core/invariant.ts";
import { OperationError } from "../../src/core/state_machine.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { show } from "./_messages.ts";

const FAILED = "rejected the state machine failed";
const utf8 = new TextEncoder();

/** Has the machines of all replicas, or of some, do something else on the operation `x=odd`. */
function onOdd(cluster: Cluster, act: () => unknown): void {
  for (const { machine } of cluster.hosts) {
    const execute = machine.execute.bind(machine);
    machine.execute = (operation) =>
      new TextDecoder().decode(operation) === "x=odd" ? act() as Uint8Array : execute(operation);
  }
}

function failures(cluster: Cluster): readonly { readonly error: string; readonly stack: string | null }[] {
  return cluster.events.flatMap(({ event }) => event.kind === "operation-failed" ? [event] : []);
}

const hostile = {
  get message(): string {
    throw new Error("no message");
  },
  toString(): string {
    throw new Error("no text");
  },
};

const RETURNS: Readonly<Record<string, () => unknown>> = {
  "a promise": () => Promise.resolve(utf8.encode("1")),
  "a promise that is rejected": () => Promise.reject(new Error("late")),
  "a thenable that throws": () => ({
    then() {
      throw new Error("then");
    },
  }),
  "a string": () => "1",
  "undefined": () => undefined,
  "null": () => null,
  "a number": () => 1,
  "a DataView": () => new DataView(new ArrayBuffer(4)),
  "a Uint16Array": () => new Uint16Array(4),
  "an ArrayBuffer": () => new ArrayBuffer(4),
  "a list": () => [1, 2],
};

const THROWS: Readonly<Record<string, unknown>> = {
  "undefined": undefined,
  "null": null,
  "a string": "text",
  "a symbol": Symbol("s"),
  "an object without a prototype": Object.create(null),
  "an object that can't be shown": hostile,
  "an error of this package": new InvariantError("mine"),
  "a promise that is rejected": Promise.reject(new Error("thrown")),
  "an operation error without a text": Object.assign(new OperationError(), { message: 5 }),
};
(THROWS["a promise that is rejected"] as Promise<never>).catch(() => {});

for (const [what, act] of Object.entries(RETURNS)) {
  Deno.test(`a state machine that returns ${what} causes the same rejection on all replicas, and the error says why`, async () => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    onOdd(cluster, act);
    assertEquals(ada.call(["x=odd", "x=1"]).map(show), [FAILED, "ok 1"]);
    cluster.runFor(1_000);
    cluster.assertAlike();
    assertEquals(failures(cluster).length, 4);
    assert(failures(cluster).every(({ error }) => error.includes("execute() returned")));
    await new Promise((resolve) => setTimeout(resolve)); // a rejection that nobody handles would end the test
  });
}

for (const [what, thrown] of Object.entries(THROWS)) {
  Deno.test(`a state machine that throws ${what} causes the same rejection on all replicas`, () => {
    const cluster = new Cluster();
    const ada = new TestClient(cluster, 1).open();
    onOdd(cluster, () => {
      throw thrown;
    });
    assertEquals(ada.call(["x=odd", "x=1"]).map(show), [FAILED, "ok 1"]);
    cluster.runFor(1_000);
    cluster.assertAlike();
    assertEquals(failures(cluster).length, 4);
  });
}

Deno.test("the author of a state machine that throws gets the stack", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  onOdd(cluster, function whereItHappens() {
    throw new TypeError("a bug");
  });
  ada.call(["x=odd"]);
  cluster.runFor(100);
  const [failure] = failures(cluster);
  assertEquals(failure!.error, "TypeError: a bug");
  assert(failure!.stack!.includes("whereItHappens"));
});

Deno.test("a result does not change when the state machine reuses its buffer", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (const { machine } of cluster.hosts) {
    const scratch = new Uint8Array(8);
    machine.execute = (operation) => {
      scratch.set(operation);
      return scratch.subarray(0, operation.length);
    };
  }
  assertEquals(ada.call(["x=1", "x=2", "x=3"]).map(show), ["ok x=1", "ok x=2", "ok x=3"]);
});

Deno.test("queries get the same rejections", () => {
  const cluster = new Cluster();
  for (const { machine } of cluster.hosts) machine.query = () => Promise.reject(new Error("late")) as never;
  assertEquals([...cluster.ask("x").values()], Array(4).fill(FAILED));
});

const SNAPSHOTS: Readonly<Record<string, () => unknown>> = {
  "throws": () => {
    throw new Error("no state");
  },
  "returns a promise": () => Promise.reject(new Error("late")),
  "returns nothing": () => undefined,
  "gives a chunk that is a string": () => [["x", "text"]],
  "gives an id that is a number": () => [[1, new Uint8Array(1)]],
};

for (const [what, takeChanges] of Object.entries(SNAPSHOTS)) {
  Deno.test(`if a state machine can't give its state (${what}), later operations are rejected and no replica stops`, () => {
    const cluster = new Cluster(); // K = 8, L = 16
    const ada = new TestClient(cluster, 1).open();
    for (const { machine } of cluster.hosts) machine.takeChanges = takeChanges as never;
    const results = Array.from({ length: 12 }, (_, i) => show(ada.call([`x=${i}`])[0]!));
    assertEquals(results.slice(0, 7), ["ok 1", "ok 2", "ok 3", "ok 4", "ok 5", "ok 6", "ok 7"]);
    const rest = "rejected the state machine can't give its state, so it is given no operations";
    assertEquals(results.slice(7), Array(5).fill(rest));
    for (const { replica } of cluster.hosts) assertEquals(replica!.status().unsealed, 8);
    // A restart finds the same, and nothing that was answered is lost.
    cluster.crash(2);
    cluster.start(2);
    assertEquals(cluster.host(2).replica!.status().unsealed, undefined);
  });
}

Deno.test("a replica whose state machine can't give its state for a while fetches the others' state", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  const { machine } = cluster.host(3);
  const takeChanges = machine.takeChanges.bind(machine);
  machine.takeChanges = () => {
    throw new Error("out of memory");
  };
  for (let i = 0; i < 20; i++) ada.call([`x=${i}`]);
  machine.takeChanges = takeChanges;
  for (let i = 20; i < 60; i++) ada.call([`x=${i}`]);
  cluster.runFor(20_000);
  cluster.assertAlike();
  assertEquals(cluster.host(3).replica!.status().unsealed, undefined);
});

Deno.test("a mended state machine continues from the last checkpoint", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (const { machine } of cluster.hosts) {
    machine.takeChanges = () => {
      throw new Error("no state");
    };
  }
  for (let i = 1; i <= 6; i++) ada.call([`x=${i}`]);
  for (const { id } of cluster.hosts) cluster.crash(id);
  for (const { id } of cluster.hosts) cluster.start(id); // with the machine as it should be
  for (let i = 7; i <= 12; i++) assertEquals(ada.call([`x=${i}`]).map(show), [`ok ${i}`]);
  cluster.runFor(5_000);
  cluster.assertAlike();
});
