import { assertEquals } from "@std/assert";
import { agree } from "../../src/client/proofs/agreement.ts";
import { digest, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type { Reply } from "../../src/core/messages/messages.ts";

const result = { sequence: sequenceNumber(7), status: "ok", value: new Uint8Array([1, 2]) } as const;

function reply(changes: Partial<Reply> = {}): Reply {
  const request = digest("0".repeat(64));
  return { kind: "reply", replica: replicaId(0), view: view(0), request, results: [result], ...changes };
}

Deno.test("replies of different replicas and views agree", () => {
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
