import { assertEquals } from "@std/assert";
import type { Ready } from "../../src/core/io.ts";
import type { StoredState } from "../../src/core/records.ts";
import { Endings, type Recovered } from "../../src/testing/epochs/endings.ts";
import { Coverage } from "../../src/testing/coverage.ts";
import { Disk } from "../../src/testing/hosts/disk.ts";
import type { WatchedProcess } from "../../src/testing/world/world.ts";

const LAST = 16;
const stopped = "OtherEpochError: the store is in epoch 1";

/** A process in epoch 0, which ends at 16, with what its checker says and the moments that it has. */
function watched({ halted, isMoving = false }: { readonly halted?: string; readonly isMoving?: boolean } = {}) {
  const said: string[] = [];
  const disk = new Disk({
    name: "Apple",
    habits: { commitMs: 1, readMs: 1, mostMs: 1, failures: 0 },
    stores: null,
  });
  const report = (invariant: string, detail: string) => said.push(`${invariant}: ${detail}`);
  const life = {
    world: { epoch: { number: 0 }, checker: { lastOfEpoch: LAST }, report, coverage: new Coverage() },
    member: { isMoving, node: { status: () => ({ halted }) } },
  } as unknown as WatchedProcess["life"];
  const recovered: Recovered = new WeakMap();
  let moments = 0;
  const begin = () => new Endings({ label: "Apple", disk, life }, recovered, () => moments++);
  return { said, disk, begin, moments: () => moments };
}

function stored(facts: object = {}): StoredState {
  return { stable: [], ...facts } as unknown as StoredState;
}

function step(events: readonly object[], answers: readonly object[] = []): Ready {
  return { events, answers } as unknown as Ready;
}

const executed = { kind: "stage", stage: "executed", sequence: LAST };
const taken = { kind: "checkpoint-taken", sequence: LAST };
const stable = { kind: "checkpoint-stable", sequence: LAST };
const closed = { kind: "epoch-closed", sequence: LAST };
const transfer = (phase: string) => ({ kind: "state-transfer", phase, sequence: LAST });

Deno.test("an epoch is closed in the step in which a replica has its last checkpoint, stable, with the state", () => {
  const { said, begin, moments } = watched();
  for (
    const steps of [[[executed, taken], [stable, closed]], [[stable, transfer("started")], [
      transfer("finished"),
      closed,
    ]]]
  ) {
    const endings = begin();
    endings.restored(stored());
    for (const events of steps) endings.stepped(step(events));
  }
  assertEquals(said, []);
  assertEquals(moments(), 2, "so many ends of an epoch were told");

  const blind = begin();
  blind.restored(stored());
  blind.stepped(step([stable, transfer("started")]));
  blind.stepped(step([transfer("finished")]));
  const hasty = begin();
  hasty.restored(stored({ checkpoint: { sequence: 8 } }));
  hasty.stepped(step([stable, closed]));
  assertEquals(said, [
    "epochs: Apple does not see that epoch 0 is over at 16",
    "epochs: Apple closes epoch 0 at 16, and has the state at 8",
  ]);
});

Deno.test("after the last number of its epoch a replica answers no query; in the step that executes it, it may", () => {
  const { said, begin } = watched();
  const endings = begin();
  endings.restored(stored());
  endings.stepped(step([executed], [{ outcome: { kind: "query-reply" } }]));
  endings.stepped(step([], [{ outcome: "too-late" }]));
  assertEquals(said, []);
  endings.stepped(step([], [{ outcome: { kind: "query-reply" } }]));
  assertEquals(said, ["epochs: Apple answers a query in epoch 0, of which it has executed the last number"]);
});

Deno.test("a replica remembers that its disk was lost until it has recovered, and not longer than the disk", () => {
  const { said, disk, begin } = watched();
  const endings = begin();
  disk.lose();
  endings.restored(stored({ lostDisk: {} }));
  assertEquals(said, []);
  endings.restored(stored());
  const forgotten = "epochs: Apple in epoch 0 has forgotten that its disk was lost, and has not recovered";
  assertEquals(said.splice(0), [forgotten]);
  endings.stepped(step([{ kind: "recovered" }]));
  endings.restored(stored());
  assertEquals(said, []);
  disk.lose();
  endings.restored(stored());
  assertEquals(said.splice(0), [forgotten]);
  disk.replace();
  endings.restored(stored());
  assertEquals(said, []);
});

Deno.test("an instance whose store is in the next epoch follows it, and asks nobody, unless following has failed", () => {
  for (const options of [{}, { halted: "integrity: …" }, { halted: stopped, isMoving: true }]) {
    const { said, begin } = watched(options);
    begin().asks();
    assertEquals(said, []);
  }
  const { said, begin } = watched({ halted: stopped });
  const failed = begin();
  failed.hosted("epoch-failed");
  failed.asks();
  assertEquals(said, []);
  begin().asks();
  assertEquals(said, ["epochs: Apple stays in epoch 0, which its store has left, and asks others"]);
});
