/**
 * Every kind of message on the wire, on one page. The signed bytes of a message are the array of its fields below, in
 * this order. A new kind is a line in {@linkcode KINDS} with a number that no kind ever had.
 * @module
 */
import type {
  Blobs,
  Checkpoint,
  Commit,
  Decision,
  Fetch,
  GatewayOperation,
  GatewayRequest,
  Message,
  MessageKind,
  NewView,
  Phase,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  Signed,
  StableCheckpoint,
  Stage,
  Standing,
  Status,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import {
  type Check,
  copiedBytes,
  digest,
  type Field,
  type FieldsOf,
  list,
  name,
  natural,
  oneOf,
  replica,
  sequence,
  struct,
  tagged,
  time,
  view,
  withEarlier,
} from "../codec/fields.ts";
import { MAX_BLOBS, MAX_BODY_BYTES, MAX_NAME_BYTES } from "./limits.ts";
import { nested } from "./nested.ts";
import { CLIENT_KINDS, type Kind, operation } from "../client/kinds.ts";
import type { KindTable } from "./signed_items.ts";

/** A signed message inside another one. */
function signed<M extends Message>(kind: M["kind"]): Field<Signed<M>> {
  return nested<M>(kind, () => KIND_TABLE);
}

const gatewayRequest: FieldsOf<Omit<GatewayRequest, "kind">> = {
  gateway: replica,
  notAfter: time,
  operations: list(
    struct<GatewayOperation>({ name: name(MAX_NAME_BYTES), timestamp: natural, operation }),
    (limits) => limits.maxRequestOperations,
  ),
};

const checkGatewayRequest: Check<GatewayRequest> = ({ operations }) =>
  operations.length === 0 ? { expected: "operations", got: "none" } : undefined;

const vote: FieldsOf<Omit<PrePrepare, "kind">> = { replica, view, sequence, digest };

const stage = oneOf<Stage>("idle", "pre-prepared", "prepared", "committed");

const standing = oneOf<Standing>("withdrawn", "agrees", "suspects");

const preparedCertificate = struct<PreparedCertificate>({
  prePrepare: signed<PrePrepare>("pre-prepare"),
  prepares: list(signed<Prepare>("prepare"), (limits) => limits.maxReplicas),
});

const viewChange: FieldsOf<Omit<ViewChange, "kind" | "suspicions">> = {
  replica,
  view,
  stable: list(signed<Checkpoint>("checkpoint"), (limits) => limits.maxReplicas),
  prepared: list(preparedCertificate, (limits) => limits.maxStages),
};

/** All kinds, by name. */
export const KINDS: { readonly [K in MessageKind]: Kind<Extract<Message, { readonly kind: K }>> } = {
  "request": CLIENT_KINDS["request"],
  "gateway-request": {
    code: 2,
    fields: tagged<GatewayRequest, { kind: "gateway-request" }>(
      { kind: "gateway-request" },
      gatewayRequest,
      checkGatewayRequest,
    ),
  },
  "pre-prepare": { code: 3, fields: tagged<PrePrepare, { kind: "pre-prepare" }>({ kind: "pre-prepare" }, vote) },
  "prepare": { code: 4, fields: tagged<Prepare, { kind: "prepare" }>({ kind: "prepare" }, vote) },
  "commit": { code: 5, fields: tagged<Commit, { kind: "commit" }>({ kind: "commit" }, vote) },
  "reply": CLIENT_KINDS["reply"],
  "checkpoint": {
    code: 7,
    fields: tagged<Checkpoint, { kind: "checkpoint" }>({ kind: "checkpoint" }, { replica, sequence, digest }),
  },
  "decision": {
    code: 13,
    fields: tagged<Decision, { kind: "decision" }>({ kind: "decision" }, {
      replica,
      commits: list(signed<Commit>("commit"), (limits) => limits.maxReplicas),
    }),
  },
  "stable-checkpoint": {
    code: 16,
    fields: tagged<StableCheckpoint, { kind: "stable-checkpoint" }>({ kind: "stable-checkpoint" }, {
      replica,
      checkpoints: list(signed<Checkpoint>("checkpoint"), (limits) => limits.maxReplicas),
    }),
  },
  "view-change": {
    code: 11,
    // The first builds of 0.1.0 left a view without proof. They wrote four items, which stores may still hold.
    fields: withEarlier(
      tagged<ViewChange, { kind: "view-change" }>({ kind: "view-change" }, {
        ...viewChange,
        suspicions: list(signed<Suspicion>("suspicion"), (limits) => limits.maxReplicas),
      }),
      { count: 4, field: struct(viewChange), complete: (said) => ({ kind: "view-change", ...said, suspicions: [] }) },
    ),
  },
  "suspicion": {
    code: 17,
    fields: tagged<Suspicion, { kind: "suspicion" }>({ kind: "suspicion" }, {
      replica,
      view,
      executed: sequence,
      number: natural,
      standing,
    }),
  },
  "new-view": {
    code: 12,
    fields: tagged<NewView, { kind: "new-view" }>({ kind: "new-view" }, {
      replica,
      view,
      viewChanges: list(signed<ViewChange>("view-change"), (limits) => limits.maxReplicas),
      prePrepares: list(signed<PrePrepare>("pre-prepare"), (limits) => limits.maxStages),
    }),
  },
  "query": CLIENT_KINDS["query"],
  "query-reply": CLIENT_KINDS["query-reply"],
  "status": {
    code: 8,
    fields: tagged<Status, { kind: "status" }>({ kind: "status" }, {
      replica,
      number: natural,
      view,
      phase: oneOf<Phase>("active", "leaving"),
      stable: sequence,
      executed: sequence,
      votesAbove: sequence,
      challenge: time,
      echo: time,
      seen: natural,
      stages: list(stage, (limits) => limits.maxStages),
    }),
  },
  "fetch": {
    code: 9,
    fields: tagged<Fetch, { kind: "fetch" }>({ kind: "fetch" }, {
      replica,
      number: natural,
      digests: list(digest, () => MAX_BLOBS),
    }),
  },
  "blobs": {
    code: 10,
    fields: tagged<Blobs, { kind: "blobs" }>({ kind: "blobs" }, {
      replica,
      blobs: list(copiedBytes(() => MAX_BODY_BYTES), () => MAX_BLOBS),
    }),
  },
};

const byCode: (MessageKind | undefined)[] = [];
for (const [kind, { code }] of Object.entries(KINDS)) byCode[code] = kind as MessageKind;

/** The kind of a code. */
export function kindOf(code: number): MessageKind | undefined {
  return byCode[code];
}

/** The same table for code that reads and writes messages of any kind. */
export const KIND_TABLE: KindTable = {
  codeOf: (kind) => KINDS[kind].code,
  kindOf,
  fieldsOf: (kind) => KINDS[kind].fields as Field<Message>,
};
