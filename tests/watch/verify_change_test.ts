/** What is verified of a change, without a network. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type BatchEvent, type ChangeEvent, Client, ProofError, verifyChange } from "../../src/client/mod.ts";
import { WatchedCluster } from "./_watched_cluster.ts";

/** The first events of a watch. */
async function first<T>(watch: AsyncIterable<T>, count: number): Promise<T[]> {
  const events: T[] = [];
  for await (const event of watch) if (events.push(event) === count) break;
  return events;
}

Deno.test("a change proves itself offline, and nothing that differs from it does", async (t) => {
  const watched = new WatchedCluster();
  await watched.startAll();
  const client = new Client({ cluster: watched.cluster, fetch: watched.fetch });
  const { genesis } = watched;
  let [change, other]: ChangeEvent[] = [];
  let batch: BatchEvent;
  try {
    for (const operation of ["SET user/a 1", "SET user/a 2", "SET else 3"]) await client.invoke(operation);
    [change, other] = await first(client.watch({ prefix: "user/" }, { from: 1 }), 2) as ChangeEvent[];
    [batch] = await first(client.watch({ batches: true }, { from: 1 }), 1) as [BatchEvent];
  } finally {
    client.close();
    await watched.stopAll();
  }
  assert(change && other);

  await t.step("with the replicas that signed it", async () => {
    const { voters, signers, ...rest } = await verifyChange({ genesis }, change);
    assertEquals(rest, { sequence: change.sequence, watch: { prefix: "user/" } } as typeof rest);
    assertEquals(voters, [...change.signedBy].sort());
    assertEquals(signers, voters.map((id) => WatchedCluster.names[id]!));
    assertEquals((await verifyChange({ genesis }, JSON.parse(JSON.stringify(change)))).voters, voters);
  });
  await t.step("a batch as well", async () => {
    assertEquals((await verifyChange({ genesis }, batch)).watch, { batches: true });
    await assertRejects(
      () => verifyChange({ genesis }, { ...batch, operations: 9 }),
      ProofError,
      "do not have this batch",
    );
  });

  const [one, two] = change.votes;
  const elsewhere = [0, 1, 2, 3].find((id) => id !== one!.replica && id !== two!.replica)!;
  const wrong: Record<string, [event: unknown, reason: string]> = {
    "another value": [{ ...change, value: "9" }, "do not have this change"],
    "another key": [{ ...change, key: "user/b" }, "do not have this change"],
    "a removal": [{ ...change, value: null }, "do not have this change"],
    "another number": [{ ...change, sequence: 77 }, "has no change at 77"],
    "the number of another change": [{ ...change, sequence: other.sequence }, "change"],
    "another kind": [{ ...batch, votes: change.votes, sequence: change.sequence }, "do not have this batch"],
    "one vote": [{ ...change, votes: [one] }, "expected 2 different replicas, got 1"],
    "one vote twice": [{ ...change, votes: [one, one] }, "two of one"],
    "a vote in another's name": [
      { ...change, votes: [one, { ...one, replica: elsewhere }] },
      "expected the signature of",
    ],
    "a vote of nobody": [{ ...change, votes: [one, { ...two, replica: 4 }] }, "replica 4 is not a member"],
    "a changed statement": [
      {
        ...change,
        value: "7",
        votes: [one, two].map((v) => ({ ...v, statement: v!.statement.replace('"1"', '"7"') })),
      },
      "expected the signature of",
    ],
    "one changed statement": [
      { ...change, votes: [one, { ...two, statement: two!.statement.replace('"1"', '"7"') }] },
      "do not agree",
    ],
    "a short signature": [{ ...change, votes: [one, { ...two, signature: "ab" }] }, "expected the signature of"],
    "a signature that is no hex": [{ ...change, votes: [one, { ...two, signature: "zz" }] }, "signature"],
    "a statement that is no JSON": [{ ...change, votes: [one, { ...two, statement: "{" }] }, "votes[1]"],
    "a statement about nothing": [{ ...change, votes: [one, { ...two, statement: "null" }] }, "votes[1]"],
    "no votes": [{ ...change, votes: [] }, "expected some, got none"],
    "votes that are none": [{ ...change, votes: [null, 7] }, "votes[0]"],
    "votes that are no list": [{ ...change, votes: undefined }, "expected some, got none"],
  };
  for (const [what, [event, reason]] of Object.entries(wrong)) {
    await t.step(`not with ${what}`, async () => {
      await assertRejects(() => verifyChange({ genesis }, event as ChangeEvent), ProofError, reason);
    });
  }
  await t.step("not in another cluster", async () => {
    await assertRejects(
      () => verifyChange({ genesis: { ...genesis, name: "other" } }, change),
      ProofError,
      "signature",
    );
  });
});
