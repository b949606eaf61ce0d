import { assertEquals } from "@std/assert";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/ids.ts";
import type { Message, MessageKind } from "../../src/core/messages.ts";
import { decodeFrame, encodeFrame, encodeMessage, fromHex, toHex, utf8 } from "../../src/wire/mod.ts";

const replica = 2 as ReplicaId;
const view = 3 as View;
const sequence = 300 as SequenceNumber;
const digest = "ab".repeat(32) as Digest;
const client = "cd".repeat(32) as ClientId;
const set = utf8("SET");

const DIGEST = `5820${digest}`;
const SET = "43534554";

/** One message of each kind, the code of the kind and the bytes that are signed. They never change. */
const GOLDEN: { readonly [K in MessageKind]: readonly [Extract<Message, { readonly kind: K }>, string, string] } = {
  "request": [
    { kind: "request", client, session: 24, timestamp: 7, lowestUnanswered: 6, operations: [set] },
    "01",
    `855820${client}18180706` + `81${SET}`,
  ],
  "vouched-request": [
    {
      kind: "vouched-request",
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
  "status": [
    {
      kind: "status",
      replica,
      view,
      stable: 256 as SequenceNumber,
      executed: sequence,
      stages: ["idle", "pre-prepared", "prepared", "committed"],
    },
    "08",
    `850203190100` + `19012c` + `8400010203`,
  ],
  "fetch": [{ kind: "fetch", replica, digests: [digest] }, "09", `820281${DIGEST}`],
  "blobs": [{ kind: "blobs", replica, blobs: [set] }, "0a", `820281${SET}`],
};

for (const [kind, [message, code, hex]] of Object.entries(GOLDEN)) {
  Deno.test(`a ${kind} has the bytes that it had in the first release`, () => {
    const bytes = encodeMessage(message);
    assertEquals(toHex(bytes), hex);
    const signature = new Uint8Array(64).fill(0xee);
    const frame = encodeFrame({ message, bytes, signature });
    const head = bytes.length < 24 ? (0x40 + bytes.length).toString(16) : `58${bytes.length.toString(16)}`;
    assertEquals(toHex(frame), `83${code}${head}${hex}5840${"ee".repeat(64)}`);
    assertEquals<Message>(decodeFrame(fromHex(toHex(frame))).signed.message, message);
  });
}
