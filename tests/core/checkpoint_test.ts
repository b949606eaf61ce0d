import { assert, assertEquals } from "@std/assert";
import type { Digest, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Checkpoint } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { signed } from "./_messages.ts";

const DIGEST = "1".repeat(64) as Digest;

function checkpoint(replica: number, fields: Partial<Checkpoint> = {}) {
  return signed<Checkpoint>({
    kind: "checkpoint",
    replica: replica as ReplicaId,
    sequence: 8 as SequenceNumber,
    digest: DIGEST,
    ...fields,
  });
}

Deno.test("a replica that lags gets a stable checkpoint as one certificate, even if one of its signers lies about a far one", () => {
  const cluster = new Cluster({ n: 5 }); // a quorum of four: all but the laggard
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, to) => from !== 4 && to !== 4;
  for (let i = 1; i <= 40; i++) ada.call([`x=${i}`]);
  cluster.step(4, { kind: "checkpoint", checkpoint: checkpoint(3, { sequence: 8 * 2 ** 37 as SequenceNumber }) });
  cluster.filter = () => true;
  cluster.runFor(10_000);
  cluster.assertAlike();
});

// Its store is an old copy, as it does not know what it has proposed there.
Deno.test("a primary proposes no number up to a stable checkpoint of the others", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  ada.call(["x=1"]);
  const { lastExecuted } = cluster.host(0).replica!.status();
  assert(lastExecuted < 8);
  const checkpoints = [1, 2, 3].map((replica) => checkpoint(replica));
  cluster.step(0, {
    kind: "stable-checkpoint",
    stable: signed({ kind: "stable-checkpoint", replica: 1 as ReplicaId, checkpoints }),
  });
  const { messages } = cluster.step(0, { kind: "request", request: ada.request(["x=2"]) });
  assertEquals(messages.map(({ message }) => message.message.kind), []);
});

Deno.test("a stable checkpoint needs a quorum of distinct, equal checkpoints at a multiple of K", () => {
  const cluster = new Cluster();
  const offer = (checkpoints: ReturnType<typeof checkpoint>[]) => {
    const stable = signed({ kind: "stable-checkpoint" as const, replica: 3 as ReplicaId, checkpoints });
    return cluster.step(1, { kind: "stable-checkpoint", stable }).events.some((event) => event.kind === "discarded");
  };
  assert(offer([]));
  assert(offer([checkpoint(0), checkpoint(2)]));
  assert(offer([checkpoint(0), checkpoint(2), checkpoint(2)]));
  assert(offer([checkpoint(0), checkpoint(2), checkpoint(3, { digest: "2".repeat(64) as Digest })]));
  assert(offer([0, 2, 3].map((replica) => checkpoint(replica, { sequence: 7 as SequenceNumber }))));
  assertEquals(offer([checkpoint(0), checkpoint(2), checkpoint(3)]), false);
});

Deno.test("of each sender all checkpoints within the window are kept, and the highest one above it", () => {
  const cluster = new Cluster(); // K is 8, and the window ends at 16
  const kept = (replica: number, sequence: number) => {
    cluster.step(1, { kind: "checkpoint", checkpoint: checkpoint(replica, { sequence: sequence as SequenceNumber }) });
    return cluster.host(1).replica!.buffers().checkpoints;
  };
  assertEquals(kept(0, 16), 1);
  assertEquals(kept(0, 32), 2); // the one at the end of the window stays
  assertEquals(kept(2, 24), 3); // another's higher one is no reason to leave it out
  assertEquals(kept(0, 24), 3); // it has said something higher
  assertEquals(kept(0, 40), 3); // in the place of that at 32
  assertEquals(kept(2, 40), 3);
  assertEquals(kept(3, 8), 4);
});
