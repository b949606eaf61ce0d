/**
 * The JSON that the routes answer, as JSON Schema (draft 2020-12). No field is there that is not described: a test asks
 * a replica, and compares.
 * @module
 */
import { type ProblemKind, PROBLEMS } from "../problem.ts";

/** A JSON Schema. */
export type Schema = { readonly [keyword: string]: unknown };

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const count: Schema = { type: "integer", minimum: 0 };
const time: Schema = { type: "integer", description: "ms since 1970" };
const digest: Schema = { type: "string", pattern: "^[0-9a-f]{64}$" };

function orNull(schema: Schema, description?: string): Schema {
  return { oneOf: [schema, { type: "null" }], ...(description && { description }) };
}

function listOf(items: Schema): Schema {
  return { type: "array", items };
}

function described(schema: Schema, description: string): Schema {
  return { ...schema, description };
}

/** An object with these fields and no others; a name that ends in `?` is left out at times. */
export function objectOf(fields: Readonly<Record<string, Schema>>): Schema {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, schema]) => [name.replace("?", ""), schema]),
  );
  const required = Object.keys(fields).filter((name) => !name.endsWith("?"));
  return { type: "object", properties, required, additionalProperties: false };
}

/** The answer of `POST /req`. */
export const REQ_ANSWER: Schema = objectOf({
  viewID: count,
  timestamp: described(count, "the request's, or the one that was made for it"),
  clientID: text,
  nodeID: described(text, "the replica that was asked"),
  sequenceID: described(count, "the sequence number at which the operation was executed"),
  result: { description: "the state machine's result: its JSON, or its text; null if it is neither" },
  "resultBase64?": described(text, "the bytes of a result that is neither JSON nor text"),
  voters: described(listOf(text), "the f + 1 replicas that gave this result"),
});

/** The answer of `GET /status`. */
export const STATUS: Schema = objectOf({
  nodeID: text,
  replica: described(count, "the member's number"),
  cluster: described(digest, "the cluster's id"),
  clusterName: text,
  epoch: described(count, "the epoch that it runs in; 0 while the genesis holds"),
  stateMachine: text,
  now: described({ type: "number" }, "the replica's clock, ms since 1970"),
  clockAheadMs: orNull({ type: "number" }, "how far its clock is ahead of the others'"),
  ready: described(flag, "whether it takes part now"),
  notReady: orNull(text, "why not"),
  halted: orNull(text),
  storeError: orNull(text),
  viewID: count,
  primary: text,
  active: described(flag, "whether the view has started"),
  lastExecuted: count,
  lowWatermark: count,
  highWatermark: count,
  slots: described(
    listOf(objectOf({ sequence: count, stage: text, prepares: count, commits: count })),
    "the open sequence numbers, ascending",
  ),
  pendingRequests: count,
  sessions: count,
  names: count,
  stateRoot: orNull(digest),
  history: digest,
  agreedTime: time,
  transferring: flag,
  recovering: flag,
  "lacksVersion?": described(text, "the version of the state machine that it lacks to close the epoch"),
  "isAsking?": flag,
  "unsealed?": count,
  evidence: described(count, "the number of proofs against members"),
  alarmAt: orNull({ type: "number" }),
  alarmInMs: orNull({ type: "number" }),
  buffers: objectOf({ inbox: count, pendingRequests: count }),
  commits: count,
  reloads: count,
  inputFaults: count,
  lastInputFault: orNull(
    objectOf({ input: text, from: { type: ["integer", "string", "null"] }, error: text, at: { type: "number" } }),
  ),
  peers: listOf(objectOf({
    nodeID: text,
    inReach: flag,
    clockAheadMs: orNull({ type: "number" }),
    depth: count,
    bytes: count,
    dropped: count,
    failures: count,
    unreachable: orNull(objectOf({ reason: text, since: { type: "number" } })),
    "link?": objectOf({ isSocketOpen: flag, socketFailures: count }),
  })),
  nodeTable: described({ type: "object", additionalProperties: orNull(text) }, "the URLs of the members by name"),
});

/** The answer of `GET /evidence`. */
export const EVIDENCE: Schema = objectOf({
  evidence: listOf(objectOf({
    name: described(text, "the accused member"),
    epoch: described(count, "the epoch for which it has signed both messages"),
    accused: count,
    kind: text,
    view: orNull(count),
    number: orNull(count),
    messages: listOf(objectOf({ digest: orNull(digest), frame: described(text, "the signed frame, base64") })),
  })),
});

/** The answer of `GET /epochs`. */
export const EPOCHS: Schema = objectOf({
  cluster: described(digest, "the cluster's id"),
  epoch: described(count, "the last epoch that the replica knows"),
  after: described(count, "the links begin after this epoch"),
  links: described(listOf(text), "the links, base64, as many as fit into one answer"),
  "isMember?": described(flag, "false: the server is no member in this epoch"),
  "stable?": described(listOf(text), "the certificate of the last stable checkpoint: signed frames, base64"),
  "entered?": described(
    objectOf({ member: count, signature: described(text, "Ed25519, base64") }),
    "once the replica has the state at which its epoch starts: its number, and its signature under the state's digest",
  ),
});

/**
 * The body of `POST /epochs/approvals`: a proposal, as `pbft members propose` writes it. Further fields are refused.
 */
export const PROPOSAL: Schema = objectOf({
  configuration: described({ type: "object" }, "the configuration of the next epoch"),
  approvals: described({ type: "object", additionalProperties: text }, "signatures in hex, by the members' names"),
});

/** The answer of `POST /epochs/approvals`. */
export const APPROVAL: Schema = objectOf({
  name: described(text, "the name of this member"),
  signature: described(text, "its signature under the configuration, 128 hex digits"),
});

/** The problems of these kinds (RFC 9457), which all have one HTTP status. */
export function problemSchema(kinds: readonly ProblemKind[]): Schema {
  return objectOf({
    type: { enum: kinds.map((kind) => `urn:problem-type:pbft:${kind}`) },
    title: { enum: kinds.map((kind) => PROBLEMS[kind][1]) },
    status: { const: PROBLEMS[kinds[0]!][0] },
    detail: described(text, "what is wrong with this request, and what to do next"),
    "field?": text,
    "expected?": text,
    "got?": text,
    "clientID?": text,
    "timestamp?": count,
    "viewID?": count,
    "nodeID?": text,
    "sequenceID?": count,
    "voters?": listOf(text),
    "reason?": text,
    "kind?": described({ type: ["string", "null"] }, "the kind of message"),
    "routes?": listOf(text),
    "epoch?": described(count, "the last epoch that the replica knows"),
    "urls?": described({ type: "object", additionalProperties: text }, "the URLs of its members by name"),
  });
}
