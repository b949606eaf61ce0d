import { assertEquals } from "@std/assert";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Message, MessageKind, Signed } from "../../src/core/messages/messages.ts";
import { decodeFrame, encodeFrame, encodeMessage, fromHex, toHex, utf8 } from "../../src/wire/mod.ts";

const replica = 2 as ReplicaId;
const view = 3 as View;
const sequence = 300 as SequenceNumber;
const digest = "ab".repeat(32) as Digest;
const client = "cd".repeat(32) as ClientId;
const set = utf8("SET");

const DIGEST = `5820${digest}`;
const SET = "43534554";

function signed<M extends Message>(message: M): Signed<M> {
  return { message, bytes: encodeMessage(message), signature: new Uint8Array(64).fill(0xdd) };
}

/** A signed message within another: code, bytes, signature. */
function nested(code: string, hex: string): string {
  return `83${code}${byteString(hex)}5840${"dd".repeat(64)}`;
}

function byteString(hex: string): string {
  const length = hex.length / 2;
  const head = length < 24 ? 0x40 + length : length < 256 ? 0x5800 + length : 0x590000 + length;
  return head.toString(16) + hex;
}

/** One message of each kind, the code of the kind and the bytes that are signed. They never change. */
const GOLDEN: { readonly [K in MessageKind]: readonly [Extract<Message, { readonly kind: K }>, string, string] } = {
  "request": [
    { kind: "request", client, session: 24, timestamp: 7, lowestUnanswered: 6, operations: [set] },
    "01",
    `855820${client}18180706` + `81${SET}`,
  ],
  "gateway-request": [
    {
      kind: "gateway-request",
      gateway: replica,
      notAfter: 65_536 as Millis,
      operations: [{ name: "ada", timestamp: 1, operation: set }],
    },
    "02",
    `83021a00010000` + `8183` + `63616461` + `01${SET}`,
  ],
  "pre-prepare": [{ kind: "pre-prepare", replica, view, sequence, digest }, "03", `84020319012c${DIGEST}`],
  "prepare": [{ kind: "prepare", replica, view, sequence, digest }, "04", `84020319012c${DIGEST}`],
  "commit": [{ kind: "commit", replica, view, sequence, digest }, "05", `84020319012c${DIGEST}`],
  "reply": [
    {
      kind: "reply",
      replica,
      view,
      request: digest,
      results: (["ok", "rejected", "refused"] as const).map((status) => ({ sequence, status, value: set })),
    },
    "06",
    `840203${DIGEST}` + `83` + `8319012c00${SET}` + `8319012c01${SET}` + `8319012c02${SET}`,
  ],
  "checkpoint": [{ kind: "checkpoint", replica, sequence, digest }, "07", `830219012c${DIGEST}`],
  "decision": [
    { kind: "decision", replica, commits: [signed({ kind: "commit", replica, view, sequence, digest })] },
    "0d",
    `8202` + `81${nested("05", `84020319012c${DIGEST}`)}`,
  ],
  "stable-checkpoint": [
    { kind: "stable-checkpoint", replica, checkpoints: [signed({ kind: "checkpoint", replica, sequence, digest })] },
    "10",
    `8202` + `81${nested("07", `830219012c${DIGEST}`)}`,
  ],
  "view-change": [
    {
      kind: "view-change",
      replica,
      view,
      stable: [signed({ kind: "checkpoint", replica, sequence, digest })],
      prepared: [{
        prePrepare: signed({ kind: "pre-prepare", replica, view, sequence, digest }),
        prepares: [signed({ kind: "prepare", replica, view, sequence, digest })],
      }],
      suspicions: [signed({ kind: "suspicion", replica, view, executed: sequence, number: 5, standing: "suspects" })],
    },
    "0b",
    `850203` + `81${nested("07", `830219012c${DIGEST}`)}` +
    `8182${nested("03", `84020319012c${DIGEST}`)}81${nested("04", `84020319012c${DIGEST}`)}` +
    `81${nested("11", "85020319012c0502")}`,
  ],
  "suspicion": [
    { kind: "suspicion", replica, view, executed: sequence, number: 5, standing: "agrees" },
    "11",
    "85020319012c0501",
  ],
  "new-view": [
    {
      kind: "new-view",
      replica,
      view,
      viewChanges: [signed({ kind: "view-change", replica, view, stable: [], prepared: [], suspicions: [] })],
      prePrepares: [signed({ kind: "pre-prepare", replica, view, sequence, digest })],
    },
    "0c",
    `840203` + `81${nested("0b", "850203808080")}` + `81${nested("03", `84020319012c${DIGEST}`)}`,
  ],
  "status": [
    {
      kind: "status",
      replica,
      number: 24,
      view,
      phase: "leaving",
      stable: 256 as SequenceNumber,
      executed: sequence,
      votesAbove: 0 as SequenceNumber,
      challenge: 0 as Millis,
      echo: 0 as Millis,
      seen: 7,
      stages: ["idle", "pre-prepared", "prepared", "committed"],
    },
    "08",
    `8b0218180301190100` + `19012c` + `00000007` + `8400010203`,
  ],
  "query": [{ kind: "query", client, nonce: 24, operations: [set] }, "0e", `835820${client}1818${SET}`],
  "query-reply": [
    { kind: "query-reply", replica, view, query: digest, results: [{ sequence, status: "ok", value: set }] },
    "0f",
    `840203${DIGEST}8319012c00${SET}`,
  ],
  "fetch": [{ kind: "fetch", replica, number: 24, digests: [digest] }, "09", `8302181881${DIGEST}`],
  "blobs": [{ kind: "blobs", replica, blobs: [set] }, "0a", `820281${SET}`],
};

for (const [kind, [message, code, hex]] of Object.entries(GOLDEN)) {
  Deno.test(`a ${kind} has the bytes that it had in the first release`, () => {
    const bytes = encodeMessage(message);
    assertEquals(toHex(bytes), hex);
    const signature = new Uint8Array(64).fill(0xee);
    const frame = encodeFrame({ message, bytes, signature });
    assertEquals(toHex(frame), `83${code}${byteString(hex)}5840${"ee".repeat(64)}`);
    assertEquals<Message>(decodeFrame(fromHex(toHex(frame))).signed.message, message);
  });
}

Deno.test("a query of several operations, and the answer to it, hold a list where those of the first release held one item", () => {
  const query: Message = { kind: "query", client, nonce: 24, operations: [set, set] };
  assertEquals(toHex(encodeMessage(query)), `835820${client}181882${SET}${SET}`);
  const one = { sequence, status: "ok", value: set } as const;
  const reply: Message = { kind: "query-reply", replica, view, query: digest, results: [one, one, one] };
  const RESULT = `8319012c00${SET}`;
  assertEquals(toHex(encodeMessage(reply)), `840203${DIGEST}83${RESULT}${RESULT}${RESULT}`);
});
