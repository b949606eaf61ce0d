import { assert, assertEquals, assertRejects } from "@std/assert";
import { ProofError, verifyArchived } from "../../src/client/mod.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { ArchivedBatch } from "../../src/node/ports.ts";
import { decodeFrame, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "./_cluster.ts";
import { test } from "../client/with_crypto_done.ts";

/** An archive in memory, which may be out of order. */
class Shelf {
  readonly batches: ArchivedBatch[] = [];
  isBroken = false;

  put(batches: readonly ArchivedBatch[]): Promise<void> {
    if (this.isBroken) return Promise.reject(new Error("no room"));
    this.batches.push(...batches);
    return Promise.resolve();
  }

  get sequences(): readonly number[] {
    return this.batches.map(({ sequence }) => sequence);
  }
}

/** Four nodes, of which Candy has an archive; `ask` has operations ordered, each in a batch of its own. */
async function openCluster(): Promise<{ readonly cluster: Cluster; readonly shelf: Shelf; readonly ask: Ask }> {
  const shelf = new Shelf();
  const cluster = await Cluster.open({ node: (id) => id === 2 ? { archive: shelf } : {} });
  const ask = async (from: number, to: number) => {
    for (let timestamp = from; timestamp <= to; timestamp++) {
      const answer = cluster.node(0).vouch([{ name: "ada", timestamp, operation: utf8("INCR x") }]);
      await cluster.timer.advance(100);
      assert("results" in await answer);
    }
  };
  return { cluster, shelf, ask };
}

type Ask = (from: number, to: number) => Promise<void>;

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}

test("what is executed goes to the archive before it is forgotten, each number once, and a quorum has committed each", async () => {
  const { cluster, shelf, ask } = await openCluster();
  await ask(1, 12);
  assertEquals(shelf.sequences, upTo(12));
  for (const archived of shelf.batches) {
    const { sequence, requests } = await verifyArchived(cluster, archived);
    assertEquals([sequence, requests.length], [archived.sequence, 1]);
  }
  const [, second] = await Promise.all(shelf.batches.map((archived) => verifyArchived(cluster, archived)));
  const { message } = second!.requests[0]!;
  assert(message.kind === "gateway-request");
  assertEquals(message.operations.map(({ operation }) => fromUtf8(operation)), ["INCR x"]);
  await cluster.close();
});

test("while the archive takes nothing nothing is forgotten; when it does again nothing is missing", async () => {
  const { cluster, shelf, ask } = await openCluster();
  await ask(1, 2);
  shelf.isBroken = true;
  await ask(3, 12);
  assertEquals(shelf.sequences, []);
  assertEquals(cluster.node(0).status().replica.lastExecuted as number, 12); // the others go on
  assert(cluster.node(2).status().storeError?.includes("no room"));
  shelf.isBroken = false;
  await cluster.timer.advance(60_000);
  assertEquals([...new Set(shelf.sequences)], upTo(12));
  await cluster.close();
});

test("a replica that was restarted archives what it had executed before", async () => {
  const { cluster, shelf, ask } = await openCluster();
  await ask(1, 6);
  assertEquals(shelf.sequences, upTo(4));
  cluster.crash(2);
  await cluster.start(2 as ReplicaId);
  await cluster.timer.advance(3_000);
  await ask(7, 12);
  assertEquals([...new Set(shelf.sequences)], upTo(12));
  for (const archived of shelf.batches) await verifyArchived(cluster, archived);
  await cluster.close();
});

test("an archive that was tampered with proves nothing, and the error says where", async () => {
  const { cluster, shelf, ask } = await openCluster();
  await ask(1, 4);
  const [, archived] = shelf.batches;
  const { commits, batch } = archived!;
  const refuse = (change: Partial<ArchivedBatch>, why: string) =>
    assertRejects(() => verifyArchived(cluster, { ...archived!, ...change }), ProofError, why);
  await refuse({ sequence: shelf.batches[2]!.sequence }, "not this batch");
  await refuse({ commits: commits.slice(1) }, "commits: expected one each of 3 replicas, got 2");
  await refuse(
    { commits: [commits[0]!, commits[0]!, commits[1]!] },
    "commits: expected one each of 3 replicas, got 3 of 2",
  );
  await refuse({ batch: batch.map((byte, i) => i === 40 ? byte ^ 1 : byte) }, "digest: expected");
  await refuse({ commits: [commits[0]!, commits[1]!, commits[2]!.slice(1)] }, "commits[2]");
  const stranger = cluster.author(8);
  const { message } = decodeFrame(commits[0]!).signed;
  await refuse({ commits: [stranger.frame(message), ...commits.slice(1)] }, "a signature is not ");
  await cluster.close();
});
