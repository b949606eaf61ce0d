/**
 * What encoding costs: the candidates for the wire format, each with the work that a strict, canonical, bounded
 * decoder must do. `deno bench -A tests/bench/codec_bench.ts`; the conclusion is in `src/wire/codec/writer.ts`.
 *
 * A vote is 4 fields (~50 bytes); the request has 1,000 operations of 100 bytes. "checked" means that the library
 * accepts several encodings of one value, so that what it decoded is encoded again and compared.
 */
// deno-lint-ignore-file no-import-prefix -- one candidate is needed nowhere else
import { decode as msgpackDecode, encode as msgpackEncode } from "npm:@msgpack/msgpack@3.1.3";
import { decode as cborDecode, encode as cborEncode, rfc8949EncodeOptions, Tokenizer, Type } from "cborg";
import {
  type ClientId,
  clientId,
  type Digest,
  digest,
  replicaId,
  sequenceNumber,
  view,
} from "../../src/core/messages/ids.ts";
import type { ClientRequest, Message, Prepare } from "../../src/core/messages/messages.ts";
import { fromHex, toHex } from "../../src/wire/codec/hex.ts";
import { completeLimits } from "../../src/wire/messages/default_limits.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/messages/signed.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";

const limits = completeLimits({ ...DEFAULT_LIMITS, maxStages: 256, maxReplicas: 4 });

const vote: Prepare = {
  kind: "prepare",
  replica: replicaId(2),
  view: view(3),
  sequence: sequenceNumber(123_456),
  digest: digest("0123456789abcdef".repeat(4)),
};
const request: ClientRequest = {
  kind: "request",
  client: clientId("fedcba9876543210".repeat(4)),
  session: 1000,
  timestamp: 77,
  lowestUnanswered: 70,
  operations: Array.from({ length: 1000 }, (_, i) => new Uint8Array(100).fill(i)),
};

type Items = unknown[];

function voteItems(vote: Prepare): Items {
  return [vote.replica, vote.view, vote.sequence, fromHex(vote.digest)];
}

function requestItems(request: ClientRequest): Items {
  const { client, session, timestamp, lowestUnanswered, operations } = request;
  return [fromHex(client), session, timestamp, lowestUnanswered, operations];
}

function uint(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error("not a natural number");
  return value as number;
}

function bytes(value: unknown, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) throw new Error("not bytes");
  return value;
}

function items(value: unknown, count?: number): Items {
  if (!Array.isArray(value) || (count !== undefined && value.length !== count)) throw new Error("not an array");
  return value;
}

function voteOf(value: unknown): Prepare {
  const [replica, view, sequence, digest] = items(value, 4);
  return {
    kind: "prepare",
    replica: uint(replica),
    view: uint(view),
    sequence: uint(sequence),
    digest: toHex(bytes(digest, 32)) as Digest,
  } as Prepare;
}

function requestOf(value: unknown): ClientRequest {
  const [client, session, timestamp, lowestUnanswered, operations] = items(value, 5);
  return {
    kind: "request",
    client: toHex(bytes(client, 32)) as ClientId,
    session: uint(session),
    timestamp: uint(timestamp),
    lowestUnanswered: uint(lowestUnanswered),
    operations: items(operations).map((operation) => bytes(operation)),
  } as ClientRequest;
}

function itemsOf(message: Message): Items {
  return message.kind === "prepare" ? voteItems(message) : requestItems(message as ClientRequest);
}

function same(a: Uint8Array, b: Uint8Array): void {
  if (a.length !== b.length) throw new Error("not canonical");
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) throw new Error("not canonical");
}

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });
interface Base64 {
  toBase64(): string;
}
const base64 = (bytes: Uint8Array) => (bytes as Uint8Array & Base64).toBase64();
const fromBase64 = (text: unknown) =>
  (Uint8Array as unknown as { fromBase64(text: string): Uint8Array }).fromBase64(text as string);

/** One message read from cborg's tokens, without its generic values in between. */
function fromTokens(kind: "prepare" | "request", data: Uint8Array): Message {
  const tokens = new Tokenizer(data, STRICT);
  const next = (type: Type) => {
    const token = tokens.next();
    if (token.type !== type) throw new Error("wrong type");
    return token.value;
  };
  const array = (count?: number): number => {
    const found = next(Type.array);
    if (count !== undefined && found !== count) throw new Error("wrong length");
    return found;
  };
  const nat = () => uint(next(Type.uint));
  let message;
  if (kind === "prepare") {
    array(4);
    message = {
      kind,
      replica: nat(),
      view: nat(),
      sequence: nat(),
      digest: toHex(bytes(next(Type.bytes), 32)),
    };
  } else {
    array(5);
    const client = toHex(bytes(next(Type.bytes), 32));
    const [session, timestamp, lowestUnanswered] = [nat(), nat(), nat()];
    const operations: Uint8Array[] = [];
    for (let left = array(); left > 0; left--) operations.push(next(Type.bytes));
    message = { kind, client, session, timestamp, lowestUnanswered, operations };
  }
  if (!tokens.done()) throw new Error("trailing bytes");
  return message as Message;
}

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
};
const of = (kind: string, value: unknown) => kind === "prepare" ? voteOf(value) : requestOf(value);

interface Candidate {
  encode(message: Message): Uint8Array;
  decode(kind: "prepare" | "request", data: Uint8Array): Message;
}

const msgpack = (message: Message) => msgpackEncode(itemsOf(message));
const json = (message: Message) =>
  utf8.encode(JSON.stringify(itemsOf(message), (_, value) => value instanceof Uint8Array ? base64(value) : value));

const candidates: Record<string, Candidate> = {
  "ours (canonical CBOR)": {
    encode: encodeMessage,
    decode: (kind, data) => decodeMessage(kind, data, limits),
  },
  "cborg, generic": {
    encode: (message) => cborEncode(itemsOf(message), rfc8949EncodeOptions),
    decode: (kind, data) => of(kind, cborDecode(data, STRICT)),
  },
  "cborg, its Tokenizer by schema": {
    encode: (message) => cborEncode(itemsOf(message), rfc8949EncodeOptions),
    decode: fromTokens,
  },
  "@msgpack/msgpack": {
    encode: msgpack,
    decode: (kind, data) => of(kind, msgpackDecode(data)),
  },
  "@msgpack/msgpack, checked": {
    encode: msgpack,
    decode(kind, data) {
      const message = of(kind, msgpackDecode(data));
      same(msgpack(message), data);
      return message;
    },
  },
  "JSON + base64": {
    encode: json,
    decode: (kind, data) => of(kind, withBytes(JSON.parse(text.decode(data)))),
  },
  "JSON + base64, checked": {
    encode: json,
    decode(kind, data) {
      const message = of(kind, withBytes(JSON.parse(text.decode(data))));
      same(json(message), data);
      return message;
    },
  },
};

function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  return typeof value === "string" ? fromBase64(value) : value;
}

for (const [name, { encode, decode }] of Object.entries(candidates)) {
  const baseline = name.startsWith("ours");
  for (const [group, message] of [["vote", vote], ["1,000-operation request", request]] as const) {
    const encoded = encode(message);
    if (JSON.stringify(decode(message.kind, encoded)) !== JSON.stringify(message)) throw new Error(`${name}: differs`);
    Deno.bench(`${name}: encode`, { group: `${group}, encode`, baseline }, () => void encode(message));
    Deno.bench(`${name}: decode`, { group: `${group}, decode`, baseline }, () => void decode(message.kind, encoded));
  }
}
