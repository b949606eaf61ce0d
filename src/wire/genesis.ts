/**
 * The genesis as JSON that people write and as the bytes whose hash is the cluster id.
 * @module
 */
import { type Genesis, type Limits, type Member, MIN_NAME_IDLE_MS } from "../core/config.ts";
import { quorum } from "../core/messages/quorum.ts";
import { BUNDLE_OVERHEAD_BYTES } from "./messages/bundle.ts";
import { checkArray, checkInteger, checkObject, checkString, fail } from "./checks.ts";
import { inside } from "./codec/decode_error.ts";
import { PROTOCOL } from "./messages/domain.ts";
import { type FieldsOf, hex32, list, name, natural, struct } from "./codec/fields.ts";
import { MAX_BODY_BYTES, MAX_LOG_WINDOW } from "./messages/limits.ts";
import { startWriting } from "./codec/writer.ts";

/** How the limits are written; their order never changes. */
const LIMITS: FieldsOf<Limits> = {
  maxRequestBytes: natural,
  maxRequestOperations: natural,
  maxBatchBytes: natural,
  maxBatchRequests: natural,
  maxResultBytes: natural,
  sessionWindow: natural,
  maxSessionReplyBytes: natural,
  maxSessions: natural,
  sessionIdleMs: natural,
  maxNames: natural,
  nameIdleMs: natural,
  maxClockSkewMs: natural,
};

/** How a genesis is written; the order never changes. */
const GENESIS: FieldsOf<Genesis> = {
  name: name(64),
  replicas: list(struct<Member>({ name: name(32), publicKey: hex32 }), () => Infinity),
  checkpointInterval: natural,
  logWindow: natural,
  stateMachine: name(64),
  limits: struct(LIMITS),
};

/** Room that a batch needs beside its requests, and a frame beside its batch, bytes. */
const ENVELOPE_BYTES = 1024;
/** A signed vote in a certificate takes at most this: 64 bytes of signature, 32 of digest, four numbers, heads. */
const SIGNED_VOTE_BYTES = 200;
/** A result in a reply takes at most this beside its value. */
const RESULT_BYTES = 64;
/** A refusal, and a rejection for want of room, fit in a result of this size. */
const REFUSAL_BYTES = 256;
/** A state machine's rejection, of up to 1,024 characters, fits in a result of this size. */
const MIN_RESULT_BYTES = 4096;

/**
 * The canonical bytes of a genesis; their SHA-256 is the cluster id.
 * @throws {TypeError} or {@linkcode RangeError} if a field can't be encoded.
 */
export function encodeGenesis(genesis: Genesis): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  writer.array(2);
  writer.text(`${PROTOCOL} genesis`);
  try {
    struct(GENESIS).write(writer, genesis);
  } catch (error) {
    throw inside("genesis", error);
  }
  return writer.take();
}

/**
 * Checks a genesis that came as JSON, fields and their consistency. All fields are required: a default that changed
 * between releases would make another cluster of it.
 * @throws {TypeError} naming the field, what was expected and what came.
 */
export function parseGenesis(json: unknown): Genesis {
  return parseGenesisAt(json, "genesis");
}

/** {@linkcode parseGenesis} of a part of something larger, at `field`. */
export function parseGenesisAt(json: unknown, field: string): Genesis {
  const object = checkObject(json, field, Object.keys(GENESIS));
  const genesis: Genesis = {
    name: checkString(object.name, `${field}.name`, /^[\x20-\x7e]{1,64}$/, "1 to 64 printable ASCII characters"),
    replicas: parseMembers(object.replicas, `${field}.replicas`),
    checkpointInterval: checkInteger(object.checkpointInterval, `${field}.checkpointInterval`, 1),
    logWindow: checkInteger(object.logWindow, `${field}.logWindow`, 1),
    stateMachine: checkString(
      object.stateMachine,
      `${field}.stateMachine`,
      /^[\x21-\x7e]{1,64}$/,
      "1 to 64 printable ASCII characters without spaces, like key-value/1",
    ),
    limits: parseLimits(object.limits, `${field}.limits`),
  };
  checkWindow(genesis, field);
  return genesis;
}

function parseMembers(json: unknown, field: string): readonly Member[] {
  const members = checkArray(json, field).map((item, i) => {
    const at = `${field}[${i}]`;
    const { name, publicKey } = checkObject(item, at, ["name", "publicKey"]);
    return {
      name: checkString(name, `${at}.name`, /^[A-Za-z0-9_-]{1,32}$/, "1 to 32 of the characters A-Z a-z 0-9 _ -"),
      publicKey: checkString(publicKey, `${at}.publicKey`, /^[0-9a-f]{64}$/, "64 lower-case hex digits"),
    };
  });
  if (members.length < 4 && members.length !== 1) {
    throw new TypeError(`${field}: expected 4 or more members, or 1 for trying things out, got ${members.length}`);
  }
  members.forEach(({ name, publicKey }, i) => {
    const earlier = members.slice(0, i);
    if (earlier.some((m) => m.name === name)) fail(`${field}[${i}].name`, "a name of its own", name);
    if (earlier.some((m) => m.publicKey === publicKey)) fail(`${field}[${i}].publicKey`, "a key of its own", publicKey);
  });
  return members;
}

function parseLimits(json: unknown, field: string): Limits {
  const names = Object.keys(LIMITS);
  const object = checkObject(json, field, names);
  const limits = Object.fromEntries(
    names.map((name) => [name, checkInteger(object[name], `${field}.${name}`, 1)]),
  ) as unknown as Limits;
  checkLimits(limits, field);
  return limits;
}

function checkLimits(limits: Limits, field: string): void {
  const { maxRequestBytes, maxRequestOperations, maxBatchBytes, maxResultBytes, maxSessionReplyBytes } = limits;
  atLeast(
    `${field}.nameIdleMs`,
    limits.nameIdleMs,
    MIN_NAME_IDLE_MS,
    "so that a gateway's request can be ordered in time",
  );
  atLeast(`${field}.maxBatchBytes`, maxBatchBytes, maxRequestBytes + ENVELOPE_BYTES, "maxRequestBytes + 1 KiB");
  atMost(
    `${field}.maxBatchBytes`,
    maxBatchBytes,
    MAX_BODY_BYTES - ENVELOPE_BYTES - BUNDLE_OVERHEAD_BYTES,
    "what fits in a body beside its pre-prepare",
  );
  atLeast(`${field}.maxResultBytes`, maxResultBytes, MIN_RESULT_BYTES, "room for every rejection");
  atLeast(`${field}.maxSessionReplyBytes`, maxSessionReplyBytes, maxResultBytes, "maxResultBytes");
  const largestReply = maxSessionReplyBytes + maxResultBytes +
    maxRequestOperations * (RESULT_BYTES + REFUSAL_BYTES) + ENVELOPE_BYTES;
  if (largestReply > MAX_BODY_BYTES) {
    throw new TypeError(
      `${field}: expected a largest reply (maxSessionReplyBytes + maxResultBytes + ` +
        `${
          RESULT_BYTES + REFUSAL_BYTES
        } * maxRequestOperations) of at most ${MAX_BODY_BYTES} bytes, got ${largestReply}`,
    );
  }
}

function checkWindow({ replicas, checkpointInterval: K, logWindow: L }: Genesis, field: string): void {
  atLeast(`${field}.logWindow`, L, 2 * K, "2 checkpointInterval");
  atMost(`${field}.logWindow`, L, MAX_LOG_WINDOW, "the most that a status can tell of");
  if (L % K !== 0) fail(`${field}.logWindow`, `a multiple of checkpointInterval, ${K}`, L);
  const newView = largestNewViewBytes(replicas.length, L);
  if (newView > MAX_BODY_BYTES) {
    throw new TypeError(
      `${field}.logWindow: expected one whose largest new-view with ${replicas.length} replicas takes at most ` +
        `${MAX_BODY_BYTES} bytes, got ${L}, which may take ${newView}`,
    );
  }
}

/**
 * The most that a new-view of `n` replicas and log window `L` can take, bytes: a quorum of view-changes, each with its
 * stable checkpoint's certificate, the proof that it may leave, and for each number of the window a pre-prepare and quorum - 1 prepares; and a new
 * pre-prepare for each number (PBFT §4.4).
 */
export function largestNewViewBytes(n: number, L: number): number {
  const q = quorum(n);
  const certificates = L * q;
  const viewChange = SIGNED_VOTE_BYTES * (1 + 2 * q + certificates);
  return q * viewChange + SIGNED_VOTE_BYTES * (1 + L);
}

function atLeast(field: string, value: number, min: number, why: string): void {
  if (value < min) fail(field, `${min} (${why}) or more`, value);
}

function atMost(field: string, value: number, max: number, why: string): void {
  if (value > max) fail(field, `${max} (${why}) or less`, value);
}
