/**
 * The genesis in two forms: JSON that people write, and the bytes that the cluster id is the hash of.
 * @module
 */
import { MIN_NAME_IDLE_MS } from "../core/clients/name_idle.ts";
import type { Genesis, Limits, Member } from "../core/config.ts";
import type { Digest, SequenceNumber } from "../core/messages/ids.ts";
import { quorum } from "../core/messages/quorum.ts";
import { BUNDLE_OVERHEAD_BYTES } from "./messages/bundle.ts";
import { checkArray, checkInteger, checkObject, checkRecord, checkString, fail } from "./checks.ts";
import { inside } from "./codec/decode_error.ts";
import { PROTOCOL } from "./messages/domain.ts";
import { digest, type Field, type FieldsOf, hex32, list, name, natural, sequence, struct } from "./codec/fields.ts";
import { MAX_BODY_BYTES, MAX_LOG_WINDOW } from "./messages/limits.ts";
import { startWriting } from "./codec/writer.ts";

/** How the limits are encoded. Their order must never change. */
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

/** How a genesis without an origin is encoded. The order of its fields must never change. */
const GENESIS: FieldsOf<Omit<Genesis, "origin">> = {
  name: name(64),
  replicas: list(struct<Member>({ name: name(32), publicKey: hex32 }), () => Infinity),
  checkpointInterval: natural,
  logWindow: natural,
  stateMachine: name(64),
  limits: struct(LIMITS),
};

/** A genesis as a part of something larger, such as a configuration. It has no origin. */
export const genesisField: Field<Omit<Genesis, "origin">> = struct(GENESIS);

/** How the origin of a cluster is encoded, after the rest. */
const ORIGIN: Field<NonNullable<Genesis["origin"]>> = struct({ cluster: digest, sequence, root: digest });

/** The highest number with which a cluster may begin. */
const MAX_ORIGIN = 2 ** 52;
/** The most that a batch takes beside its requests, and a frame beside its batch, bytes. */
const ENVELOPE_BYTES = 1024;
/** The most that a signed vote takes in a certificate, bytes: a signature of 64, a digest of 32, four numbers, the heads of the items. */
const SIGNED_VOTE_BYTES = 200;
/** The most that a result takes in a reply beside its value, bytes. */
const RESULT_BYTES = 64;
/** The most that the value of a refusal takes, or of a rejection because the reply is full, bytes. */
const REFUSAL_BYTES = 256;
/** The most that a state machine's rejection takes, bytes: a text of up to 1,024 characters. */
const MIN_RESULT_BYTES = 4096;

/**
 * The canonical bytes of a genesis. Their SHA-256 is the cluster id.
 * @throws {TypeError} or {@linkcode RangeError} if a field cannot be encoded.
 */
export function encodeGenesis(genesis: Genesis): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  const { origin } = genesis;
  writer.array(origin ? 3 : 2);
  writer.text(`${PROTOCOL} genesis`);
  try {
    genesisField.write(writer, genesis);
    if (origin) ORIGIN.write(writer, origin);
  } catch (error) {
    throw inside("genesis", error);
  }
  return writer.take();
}

/**
 * Checks a genesis that was parsed from JSON: each field, and that the fields fit together. All fields but `origin` are required: if a
 * field had a default that changed between releases, the same file would stand for another cluster. `field` is the path to it.
 * @throws {TypeError} naming the field, the expected value and the value that came.
 */
export function parseGenesis(json: unknown, field: string = "genesis"): Genesis {
  const { origin, ...rest } = checkRecord(json, field);
  const genesis = parseGenesisAt(rest, field);
  return origin === undefined ? genesis : { ...genesis, origin: parseOrigin(origin, `${field}.origin`) };
}

function parseOrigin(json: unknown, field: string): NonNullable<Genesis["origin"]> {
  const { cluster, sequence, root } = checkObject(json, field, ["cluster", "sequence", "root"]);
  const digestOf = (value: unknown, name: string) =>
    checkString(value, `${field}.${name}`, /^[0-9a-f]{64}$/, "64 lower-case hex digits") as Digest;
  const number = checkInteger(sequence, `${field}.sequence`, 1);
  atMost(`${field}.sequence`, number, MAX_ORIGIN, "so that numbers can go on from there");
  return {
    cluster: digestOf(cluster, "cluster"),
    sequence: number as SequenceNumber,
    root: digestOf(root, "root"),
  };
}

/**
 * The same as {@linkcode parseGenesis}, for a genesis that is a part of a configuration: it has no origin. `field` is the
 * path to it.
 */
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
    throw new TypeError(`${field}: expected 4 or more members (or 1, for experiments), got ${members.length}`);
  }
  members.forEach(({ name, publicKey }, i) => {
    const earlier = members.slice(0, i);
    if (earlier.some((m) => m.name === name)) fail(`${field}[${i}].name`, "a name that no other member has", name);
    if (earlier.some((m) => m.publicKey === publicKey)) {
      fail(`${field}[${i}].publicKey`, "a key that no other member has", publicKey);
    }
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
    "the time in which a gateway's request can be ordered",
  );
  atLeast(`${field}.maxBatchBytes`, maxBatchBytes, maxRequestBytes + ENVELOPE_BYTES, "maxRequestBytes + 1 KiB");
  atMost(
    `${field}.maxBatchBytes`,
    maxBatchBytes,
    MAX_BODY_BYTES - ENVELOPE_BYTES - BUNDLE_OVERHEAD_BYTES,
    "the room in a body beside the pre-prepare",
  );
  atLeast(`${field}.maxResultBytes`, maxResultBytes, MIN_RESULT_BYTES, "the size of the longest rejection");
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
  atMost(`${field}.logWindow`, L, MAX_LOG_WINDOW, "the numbers that one status can describe");
  if (L % K !== 0) fail(`${field}.logWindow`, `a multiple of checkpointInterval, ${K}`, L);
  const newView = largestNewViewBytes(replicas.length, L);
  if (newView > MAX_BODY_BYTES) {
    throw new TypeError(
      `${field}.logWindow: expected a log window whose largest new-view with ${replicas.length} replicas takes at most ` +
        `${MAX_BODY_BYTES} bytes, got ${L}, whose new-view may take ${newView}`,
    );
  }
}

/**
 * The largest size of a new-view with `n` replicas and log window `L`, bytes (PBFT §4.4). It holds a quorum of view-changes and a new
 * pre-prepare for each number of the window. Each view-change holds the certificate of its stable checkpoint, the suspicions that allow it
 * to leave the view, and, for each number of the window, a pre-prepare and quorum - 1 prepares.
 */
export function largestNewViewBytes(n: number, L: number): number {
  const q = quorum(n);
  const certificates = L * q;
  const viewChange = SIGNED_VOTE_BYTES * (1 + 2 * q + certificates);
  return q * viewChange + SIGNED_VOTE_BYTES * (1 + L);
}

function atLeast(field: string, value: number, min: number, why: string): void {
  if (value < min) fail(field, `at least ${min} (${why})`, value);
}

function atMost(field: string, value: number, max: number, why: string): void {
  if (value > max) fail(field, `at most ${max} (${why})`, value);
}
