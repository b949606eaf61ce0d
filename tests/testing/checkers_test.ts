/** Each checker catches a bug planted for it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Environment, Input, Outgoing, Ready } from "../../src/core/io.ts";
import type { Digest, Millis, ReplicaId } from "../../src/core/messages/ids.ts";
import type { Batch, Signed } from "../../src/core/messages/messages.ts";
import { Replica } from "../../src/core/replica.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import type { Writes } from "../../src/node/ports.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { loadedWhole } from "../../src/testing/machine/loaded_whole.ts";
import { StandInCryptography } from "../../src/testing/world/cryptography.ts";
import { Disk } from "../../src/testing/hosts/disk.ts";
import {
  type CoreMaker,
  drawPlan,
  type Invariant,
  keyValueWorkload,
  type Plan,
  run,
  type RunReport,
} from "../../src/testing/mod.ts";

/** A calm cluster of four and a few clients. */
const small: Plan = {
  ...drawPlan(1, { profile: "calm", replicas: 4 }),
  durationMs: 8_000,
  signedClients: [1, 2, 3].map(() => ({ operations: 30, pipelining: 3, bundle: 2, thinkMs: 150 })),
  unsignedClients: [{ operations: 20, pipelining: 1, bundle: 1, thinkMs: 150 }],
  checkpointInterval: 4,
  logWindow: 16,
  isCalm: false,
};

/** Makes cores that tamper with what a correct one wants done. */
function tampering(tamper: (ready: Ready, input: Input, replica: number) => Ready): CoreMaker {
  return (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step: (input: Input, now: Millis) => tamper(replica.step(input, now), input, environment.self),
      status: () => replica.status(),
    };
  };
}

interface Planted {
  readonly plan?: Partial<Plan>;
  readonly createCore?: CoreMaker;
  readonly stateMachine?: (replica: number) => StateMachine;
}

function runWith({ plan, createCore, stateMachine }: Planted): Promise<RunReport> {
  return run({ ...small, ...plan }, {
    stateMachine: stateMachine ?? (() => new KeyValue()),
    workload: keyValueWorkload(),
    // A drill might find it first.
    drills: false,
    ...(createCore && { createCore }),
  });
}

async function assertCaught(invariant: Invariant, planted: Planted, says = ""): Promise<void> {
  const { violation } = await runWith(planted);
  assertEquals(violation?.invariant, invariant, violation?.detail);
  assertStringIncludes(violation!.detail, says);
}

/** A key-value store that answers otherwise. */
function altered(alter: (result: Uint8Array, operation: Uint8Array) => Uint8Array): StateMachine {
  const machine = new KeyValue();
  return { ...loadedWhole(machine), execute: (operation) => alter(machine.execute(operation), operation) };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("a run without a planted bug finds no violation", async () => {
  assertEquals((await runWith({})).violation, null);
});

Deno.test("agreement: a replica that executes another batch at a number is caught", async () => {
  let accepted: Batch | null = null;
  const createCore = tampering((ready, _, replica) => {
    if (replica !== 2) return ready;
    for (const record of ready.records) {
      if (record.kind === "accepted" && record.prePrepare.message.sequence === 6) accepted = record.batch;
    }
    const records = ready.records.map((record) => {
      if (record.kind !== "committed" || record.sequence !== 6) return record;
      const bytes = new Uint8Array([...accepted!.bytes, 0]);
      const digest = new StandInCryptography().hash(bytes);
      const commits = record.commits.map((commit) => ({ ...commit, message: { ...commit.message, digest } }));
      return { ...record, digest, commits, batch: { ...accepted!, bytes, digest } };
    });
    return { ...ready, records };
  });
  await assertCaught("agreement", { createCore }, "at 6");
});

Deno.test("order: a replica that skips a number is caught", async () => {
  const createCore = tampering((ready, _, replica) => {
    if (replica !== 1) return ready;
    return {
      ...ready,
      records: ready.records.filter((record) => record.kind !== "committed" || record.sequence !== 5),
    };
  });
  await assertCaught("order", { createCore }, "after 4");
});

Deno.test("validity: a request that no client made is caught", async () => {
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step(input, now) {
        if (input.kind !== "request" || input.request.message.kind !== "request") return replica.step(input, now);
        const message = {
          ...input.request.message,
          lowestUnanswered: input.request.message.lowestUnanswered + 1_000_000,
        };
        const digest = environment.hash(environment.pack([input.request.digest]));
        return replica.step({ ...input, request: { ...input.request, message, digest } }, now);
      },
      status: () => replica.status(),
    };
  };
  await assertCaught("validity", { createCore });
});

Deno.test("exactly-once: a replica that answers a request with an invented result is caught", async () => {
  const createCore = tampering((ready, _, replica) => {
    if (replica !== 3) return ready;
    const replies = ready.replies.map((to) => ({
      ...to,
      reply: {
        ...to.reply,
        results: to.reply.results.map((result) => ({ ...result, value: new TextEncoder().encode("other") })),
      },
    }));
    return { ...ready, replies };
  });
  await assertCaught("exactly-once", { createCore }, "other");
});

Deno.test("determinism: a state machine that gives another result on one replica is caught, and the operation is named", async () => {
  let count = 0;
  const stateMachine = (replica: number) =>
    altered((result, operation) => {
      if (replica !== 2 || !text(operation).includes("incr") || ++count < 5) return result;
      return new TextEncoder().encode("17");
    });
  await assertCaught("determinism", { stateMachine }, '"incr"');
});

Deno.test("integrity: a state machine whose chunks differ on one replica is caught", async () => {
  const stateMachine = (replica: number) => {
    const machine = altered((result) => result);
    return replica !== 1 ? machine : {
      ...machine,
      *takeChanges() {
        for (const [id, chunk] of machine.takeChanges()) yield [id, chunk && new Uint8Array([...chunk, 0])] as const;
      },
    };
  };
  await assertCaught("integrity", { stateMachine });
});

Deno.test("linearizability: a service that forgets writes is caught", async () => {
  // All replicas alike: only a client can notice.
  const stateMachine = () =>
    altered((result, operation) => text(operation).includes('"get"') ? new TextEncoder().encode("null") : result);
  await assertCaught("linearizability", { stateMachine });
});

Deno.test("self-consistency: a replica that signs two votes for one place is caught", async () => {
  const createCore = tampering((ready, _, replica) => {
    if (replica !== 1) return ready;
    const twice = ready.messages.flatMap((outgoing) => {
      const { message } = outgoing.message;
      if (message.kind !== "commit") return [outgoing];
      const other = { ...outgoing.message, message: { ...message, digest: "cd".repeat(32) as Digest } };
      return [outgoing, { ...outgoing, message: other as Signed as typeof outgoing.message }];
    });
    return { ...ready, messages: twice };
  });
  await assertCaught("self-consistency", { createCore }, "commit of replica 1");
});

Deno.test("self-consistency: a vote in a view that the replica has left is caught", async () => {
  // One replica holds back each prepare until the next one. The first primary crashes, so that all leave together; then
  // the replica sends the one that it still has, some steps later, when its view-change is on the way.
  let held: Outgoing | null = null;
  let stepsSince = -1;
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step(input, now) {
        const ready = replica.step(input, now);
        if (environment.self !== 1) return ready;
        const messages = ready.messages.flatMap((outgoing) => {
          const { message } = outgoing.message;
          if (message.kind !== "prepare" || message.view > 0) return [outgoing];
          const before = held;
          held = outgoing;
          return before ? [before] : [];
        });
        const hasLeft = messages.some(({ message: { message } }) => message.kind === "view-change");
        if (stepsSince >= 0 || hasLeft) stepsSince++;
        if (stepsSince === 20 && held) messages.push(held);
        return { ...ready, messages };
      },
      status: () => replica.status(),
    };
  };
  const crash = { kind: "crash", replica: 0 as ReplicaId, atMs: 4_000, forMs: 3_000 } as const;
  await assertCaught("self-consistency", { createCore, plan: { faults: [crash] } }, "after its view-change for 1");
});

Deno.test("durability: a result that a client was given and no replica executed is caught", async () => {
  const createCore = tampering((ready) => ({
    ...ready,
    replies: ready.replies.map((to) => ({
      ...to,
      reply: {
        ...to.reply,
        results: to.reply.results.map((result) => ({
          ...result,
          sequence: result.sequence + 3 as typeof result.sequence,
        })),
      },
    })),
  }));
  await assertCaught("durability", { createCore });
});

Deno.test("no-halt: a replica that halts is caught", async () => {
  const createCore = tampering((ready, _, replica) => {
    if (replica === 0 && ready.records.some((record) => record.kind === "committed" && record.sequence === 7)) {
      throw new Error("a planted bug");
    }
    return ready;
  });
  await assertCaught("no-halt", { createCore }, "a planted bug");
});

Deno.test("liveness: a cluster whose replicas don't commit is caught", async () => {
  const createCore = tampering((ready) => ({
    ...ready,
    messages: ready.messages.filter(({ message: { message } }) => message.kind !== "commit"),
  }));
  await assertCaught("liveness", { createCore });
});

Deno.test("calm: a view change without a reason is caught", async () => {
  const createCore = tampering((ready, input, replica) => {
    const isPrimary = replica === 0;
    if (!isPrimary || input.kind === "start") return ready;
    return { ...ready, messages: ready.messages.filter(({ message: { message } }) => message.kind !== "pre-prepare") };
  });
  await assertCaught("calm", { createCore, plan: { isCalm: true } });
});

Deno.test("bounds: a replica with more slots than its window is caught", async () => {
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step: (input, now) => replica.step(input, now),
      status: () => {
        const status = replica.status();
        const slot = { sequence: status.lastExecuted, stage: "idle", prepares: 0, commits: 0 } as const;
        return { ...status, slots: Array.from({ length: 17 }, () => slot) };
      },
    };
  };
  await assertCaught("bounds", { createCore }, "17 slots");
});

Deno.test("bounds: a buffer of the core that exceeds its limit is caught", async () => {
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    return {
      step: (input, now) => replica.step(input, now),
      status: () => replica.status(),
      timers: () => replica.timers(),
      isLoading: (digest) => replica.isLoading(digest),
      buffers: () => ({ ...replica.buffers(), wantedBodies: 1_000 }),
    };
  };
  await assertCaught("bounds", { createCore }, "has 1000 wanted bodies, the limit is ");
});

Deno.test("evidence: a replica that convicts a correct one is caught", async () => {
  const environments = new Map<number, Environment>();
  const createCore: CoreMaker = (environment, storedState) => {
    const replica = new Replica(environment, storedState);
    environments.set(environment.self, environment);
    let steps = 0;
    return {
      step(input, now) {
        const ready = replica.step(input, now);
        const accused = environments.get(2);
        if (environment.self !== 1 || !accused || ++steps !== 50) return ready;
        // It holds the other's key: nobody else can make such a pair.
        const [first, second] = ["ab", "cd"].map((digit) =>
          accused.sign({
            kind: "prepare",
            replica: 2 as never,
            view: 0 as never,
            sequence: 3 as never,
            digest: digit.repeat(32) as Digest,
          })
        );
        return {
          ...ready,
          records: [...ready.records, { kind: "contradiction", contradiction: { first, second } as never }],
        };
      },
      status: () => replica.status(),
    };
  };
  await assertCaught("evidence", { createCore }, "convicts Candy, who is correct");
});

Deno.test("evidence: a pair of messages that don't contradict each other is caught", async () => {
  let steps = 0;
  const createCore = tampering((ready, input, replica) => {
    if (replica !== 1 || input.kind !== "prepare" || ++steps !== 5) return ready;
    const contradiction = { first: input.prepare, second: input.prepare };
    return { ...ready, records: [...ready.records, { kind: "contradiction", contradiction }] };
  });
  await assertCaught("evidence", { createCore }, "convicts nobody");
});

for (const persistInputs of [false, true]) {
  const host = persistInputs ? "that keeps its inputs" : "that keeps what binds it";
  Deno.test(`reload: a replica ${host} and forgets its stable checkpoint is caught`, async () => {
    const createCore: CoreMaker = (environment, storedState) =>
      new Replica(environment, { ...storedState, stable: [] });
    await assertCaught("reload", { createCore, plan: { persistInputs } }, "read from its store, has");
  });
}

Deno.test("bounds: a replica that leaves unreferenced blobs in its store is caught", async () => {
  const createCore = tampering((ready, _, replica) => {
    if (replica !== 1) return ready;
    const records = ready.records.map((record) => record.kind === "drop-blobs" ? { ...record, digests: [] } : record);
    return { ...ready, records };
  });
  const signedClients = small.signedClients.map((habits) => ({ ...habits, operations: 200, bundle: 1, thinkMs: 30 }));
  await assertCaught("bounds", { createCore, plan: { signedClients } }, "blobs that nothing names");
});

Deno.test("self-consistency: two isolates on a store that ignores the expected version are caught", async () => {
  const { apply } = Disk.prototype;
  try {
    Disk.prototype.apply = function (this: Disk, writes: Writes) {
      return apply.call(this, writes, this.version);
    };
    // Both instances of the primary are asked, and each gives the next number to what it was asked.
    const faults = [{ kind: "isolates", replica: 0, atMs: 2_500, forMs: 5_000 }] as unknown as Plan["faults"];
    const found = new Set<string | undefined>();
    for (let seed = 1; seed <= 10; seed++) {
      found.add((await runWith({ plan: { faults, seed, persistInputs: false } })).violation?.invariant);
    }
    assert(found.has("self-consistency"), `found ${[...found].join(", ")}`);
  } finally {
    Disk.prototype.apply = apply;
  }
});
