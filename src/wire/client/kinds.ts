/**
 * The kinds of messages that clients write and read. They are apart from the others, so that a page's client contains no more.
 * @module
 */
import type {
  ClientRequest,
  Message,
  MessageKind,
  Query,
  QueryReply,
  Reply,
  Result,
} from "../../core/messages/messages.ts";
import {
  bytes,
  type Check,
  client,
  digest,
  type Field,
  type FieldsOf,
  list,
  natural,
  oneOf,
  oneOrMore,
  replica,
  sequence,
  struct,
  tagged,
  view,
} from "../codec/fields.ts";
import { Major } from "../codec/writer.ts";
import { MAX_QUERY_OPERATIONS } from "../../core/messages/queries.ts";
import type { KindTable } from "../messages/signed_items.ts";

/** How a kind of message is encoded. */
export interface Kind<M extends Message> {
  /** The number of the kind in frames. Below 24, so that it takes one byte. */
  readonly code: number;
  readonly fields: Field<M>;
}

/** The kinds of messages between clients and replicas. */
export type ClientKind = "request" | "reply" | "query" | "query-reply";

/** An operation of a client. */
export const operation = bytes((limits) => limits.maxRequestBytes);

const request: FieldsOf<Omit<ClientRequest, "kind">> = {
  client,
  session: natural,
  timestamp: natural,
  lowestUnanswered: natural,
  operations: list(operation, (limits) => limits.maxRequestOperations),
};

const checkRequest: Check<ClientRequest> = ({ session, operations: { length } }) => {
  if ((session === 0) === (length === 0)) return undefined;
  return session === 0
    ? { expected: "no operations in a request that opens a session", got: `${length}` }
    : { expected: `operations in session ${session}`, got: "none" };
};

const result = struct<Result>({
  sequence,
  status: oneOf("ok", "rejected", "refused"),
  value: bytes((limits) => limits.maxResultBytes),
});

/** These kinds, by name. */
export const CLIENT_KINDS: { readonly [K in ClientKind]: Kind<Extract<Message, { readonly kind: K }>> } = {
  "request": {
    code: 1,
    fields: tagged<ClientRequest, { kind: "request" }>({ kind: "request" }, request, checkRequest),
  },
  "reply": {
    code: 6,
    fields: tagged<Reply, { kind: "reply" }>({ kind: "reply" }, {
      replica,
      view,
      request: digest,
      results: list(result, (limits) => limits.maxRequestOperations),
    }),
  },
  "query": {
    code: 14,
    fields: tagged<Query, { kind: "query" }>({ kind: "query" }, {
      client,
      nonce: natural,
      operations: oneOrMore(operation, {
        max: MAX_QUERY_OPERATIONS,
        isList: (reader) => reader.peekMajor() === Major.array,
      }),
    }),
  },
  "query-reply": {
    code: 15,
    fields: tagged<QueryReply, { kind: "query-reply" }>({ kind: "query-reply" }, {
      replica,
      view,
      query: digest,
      // A result is an array that begins with a number.
      results: oneOrMore(result, {
        max: MAX_QUERY_OPERATIONS,
        isList: (reader) => reader.peekInnerMajor() === Major.array,
      }),
    }),
  },
};

const byCode = new Map(Object.entries(CLIENT_KINDS).map(([kind, { code }]) => [code, kind as ClientKind]));

/** The table of these kinds. Others are unknown to it. */
export const CLIENT_TABLE: KindTable = {
  codeOf: (kind) => CLIENT_KINDS[kind as ClientKind].code,
  kindOf: (code): MessageKind | undefined => byCode.get(code),
  fieldsOf: (kind) => CLIENT_KINDS[kind as ClientKind].fields as Field<Message>,
};
