import { assertEquals } from "@std/assert";
import { agree, Agreement } from "../../src/client/proofs/agreement.ts";
import { digest, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type { Reply } from "../../src/core/messages/messages.ts";

const result = { sequence: sequenceNumber(7), status: "ok", value: new Uint8Array([1, 2]) } as const;

function reply(changes: Partial<Reply> = {}): Reply {
  const request = digest("0".repeat(64));
  return { kind: "reply", replica: replicaId(0), view: view(0), request, results: [result], ...changes };
}

function vote(replica: number, changes: Partial<Reply> = {}) {
  return { reply: reply({ replica: replicaId(replica), ...changes }), frame: new Uint8Array([replica]) };
}

const other = { results: [{ ...result, value: new Uint8Array([9]) }] };

Deno.test("replies agree whatever replica and view they are of", () => {
  assertEquals(agree(reply(), reply({ replica: replicaId(3), view: view(5) })), true);
});

Deno.test("replies disagree if anything else differs", () => {
  const changes: Partial<Reply>[] = [
    { request: digest("1".repeat(64)) },
    { results: [] },
    { results: [result, result] },
    { results: [{ ...result, sequence: sequenceNumber(8) }] },
    { results: [{ ...result, status: "rejected" }] },
    { results: [{ ...result, value: new Uint8Array([1, 3]) }] },
    { results: [{ ...result, value: new Uint8Array([1]) }] },
  ];
  for (const change of changes) assertEquals(agree(reply(), reply(change)), false, JSON.stringify(change));
});

Deno.test("so many equal votes of different replicas are an agreement, and no fewer", () => {
  const agreement = new Agreement(3);
  assertEquals(agreement.add(vote(0)), null);
  assertEquals(agreement.add(vote(0)), null);
  assertEquals(agreement.add(vote(1, other)), null);
  assertEquals(agreement.add(vote(2)), null);
  assertEquals(agreement.largest, 2);
  const agreed = agreement.add(vote(3));
  assertEquals(agreed?.map((each) => each.reply.replica as number), [0, 2, 3]);
  assertEquals(agreement.against(agreed![0]!), [replicaId(1)]);
});

Deno.test("a replica's later vote takes the place of its earlier one", () => {
  const agreement = new Agreement(2);
  agreement.add(vote(0, other));
  assertEquals(agreement.add(vote(0)), null);
  assertEquals(agreement.add(vote(1, other)), null);
  assertEquals(agreement.add(vote(2))?.length, 2);
});
