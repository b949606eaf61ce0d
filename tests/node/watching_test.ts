/** What listeners see of messages, and that nothing is computed without them. */
import { assert, assertEquals } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import { CRYPTOGRAPHY } from "../../src/node/options.ts";
import type { MessageListener, Seen } from "../../src/node/watching/seen.ts";
import { summaryOf } from "../../src/node/watching/summary.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "./_cluster.ts";

type Of<K extends Seen["kind"]> = Extract<Seen, { readonly kind: K }>;

class Witness implements MessageListener {
  readonly seen: Seen[] = [];

  constructor(readonly getsPayloads = false) {}

  onSeen(seen: Seen): void {
    this.seen.push(seen);
  }

  of<K extends Seen["kind"]>(kind: K): Of<K>[] {
    return this.seen.filter((one): one is Of<K> => one.kind === kind);
  }
}

async function order(cluster: Cluster, gateway: number, text: string, name = "ada"): Promise<void> {
  const answer = cluster.node(gateway).vouch([{ name, timestamp: 1, operation: utf8(text) }]);
  await cluster.timer.advance(200);
  assert("results" in await answer);
}

Deno.test("each message is sent once and taken with the same id by every receiver that is up", async () => {
  const cluster = await Cluster.open();
  const witnesses = cluster.ids.map((id) => {
    const witness = new Witness();
    cluster.node(id).watch(witness);
    return witness;
  });
  await order(cluster, 0, "SET name Ada");
  for (const kind of ["pre-prepare", "prepare", "commit"] as const) {
    const sent = witnesses.flatMap((witness, from) =>
      witness.of("sent").filter(({ to, message }) => to === "all" && message.kind === kind).map((one) => ({
        from,
        one,
      }))
    );
    assert(sent.length > 0, kind);
    for (const { from, one } of sent) {
      for (const [at, witness] of witnesses.entries()) {
        const taken = witness.of("taken").filter(({ message }) => message.id === one.message.id);
        assertEquals(
          taken.map((arrival) => Number(arrival.from)),
          at === from ? [] : [from],
          `${kind} of ${from} at ${at}`,
        );
        assertEquals(taken.map(({ message }) => message), at === from ? [] : [one.message]);
      }
    }
  }
  await cluster.close();
});

Deno.test("a gateway's callers are seen to ask and to be answered, by a tag instead of their name", async () => {
  const cluster = await Cluster.open();
  const [plain, full] = [new Witness(), new Witness(true)];
  cluster.node(1).watch(plain);
  cluster.node(1).watch(full);
  await order(cluster, 1, "SET name Ada");
  const [asked] = plain.of("taken").filter(({ message }) => message.kind === "request");
  const [replied] = plain.of("replied");
  assertEquals(replied, {
    kind: "replied",
    client: asked!.from as string,
    request: asked!.message.digest!,
    sequence: 1,
    status: "ok",
  });
  const told = JSON.stringify(plain.seen);
  assert(!told.includes("ada") && !told.includes("Ada"), told);
  assertEquals(full.of("replied")[0]!.client, "ada");
  const item = { client: "ada", timestamp: 1, operation: "SET name Ada" };
  assertEquals(full.of("taken").find(({ from }) => from === "ada")!.message.payload, [item]);
  const proposal = full.of("taken").find(({ message }) => message.kind === "pre-prepare")!;
  assertEquals(proposal.message.payload, [item]);
  await cluster.close();
});

Deno.test("a signed client's request and its reply carry the same digest", async () => {
  const cluster = await Cluster.open();
  const witness = new Witness();
  cluster.node(0).watch(witness);
  const client = cluster.author(9);
  const opened = cluster.node(0).submit(client.frame(client.request()));
  await cluster.timer.advance(500);
  await opened;
  const asked = witness.of("taken").find(({ message }) => message.kind === "request")!;
  const replied = witness.of("replied").find((one) => one.client === client.publicKey)!;
  assertEquals([asked.from, asked.message.digest], [client.publicKey, replied.request]);
  await cluster.close();
});

Deno.test("what is refused is seen with the reason and with the member that delivered it", async () => {
  const cluster = await Cluster.open();
  const witness = new Witness();
  cluster.node(0).watch(witness);
  const answers = cluster.node(0).receive([utf8("garbage")], undefined, 2 as ReplicaId);
  await cluster.timer.idle();
  await answers;
  const [{ from, message, reason }] = witness.of("refused") as [Of<"refused">];
  assertEquals([from, message.kind, message.bytes, reason], [2, "unknown", 7, "malformed"]);
  await cluster.close();
});

Deno.test("while nobody listens no frame is hashed for it; a listener that throws stops nothing", async () => {
  let hashed = 0;
  const hash = (bytes: Uint8Array): Digest => (hashed++, CRYPTOGRAPHY.hash(bytes));
  const cluster = await Cluster.open({ node: (id) => id === 0 ? { crypto: { ...CRYPTOGRAPHY, hash } } : {} });
  const costOf = async (timestamp: number) => {
    const before = hashed;
    const answer = cluster.node(1).vouch([{ name: "ada", timestamp, operation: utf8("INCR n") }]);
    await cluster.timer.advance(200);
    assert("results" in await answer);
    return hashed - before;
  };
  const alone = await costOf(1);
  const stop = cluster.node(0).watch({
    getsPayloads: true,
    onSeen: () => {
      throw new Error("a careless listener");
    },
  });
  assert(await costOf(2) > alone);
  stop();
  assertEquals(await costOf(3), alone);
  await cluster.close();
});

Deno.test("a summary of hostile bytes is bounded and never throws", () => {
  const hash = CRYPTOGRAPHY.hash;
  for (const bytes of [new Uint8Array(), new Uint8Array([0x83, 1]), new Uint8Array(9_000_000), utf8("<b>")]) {
    const summary = summaryOf(bytes, hash, true);
    assertEquals([summary.bytes, summary.id.length], [bytes.length, 12]);
    assert(JSON.stringify(summary).length < 200);
  }
});
