/**
 * The OpenAPI 3.1 description of the JSON routes. It is made of the schema beside the parser of `/req`, of the table of
 * problems, and of the schemas of answers. (Libraries such as hono-openapi make it of zod or valibot schemas; these
 * would come into every replica on the edge, and cannot check bytes and exact numbers as `/req` must.)
 * @module
 */
import { type ProblemKind, PROBLEMS } from "../problem.ts";
import { REQ_BODY } from "../routes/parse_req.ts";
import { APPROVAL, EPOCHS, EVIDENCE, problemSchema, PROPOSAL, REQ_ANSWER, type Schema, STATUS } from "./schemas.ts";

/** One method of a route. */
interface Operation {
  readonly summary: string;
  readonly operationId: string;
  readonly body?: Schema;
  readonly query?: Readonly<Record<string, string>>;
  /** The status of an answer that is no problem. Default: 200. */
  readonly status?: number;
  /** The answers with this status, by content type. */
  readonly answers: Readonly<Record<string, Schema>>;
  readonly problems: readonly ProblemKind[];
}

/** What any route may answer. */
const ANYWHERE: readonly ProblemKind[] = ["wrong-host", "too-many-requests", "internal-error"];
const READERS: readonly ProblemKind[] = [...ANYWHERE, "not-a-reader", "not-a-member"];
const TEXT: Readonly<Record<string, Schema>> = { "text/plain": { type: "string" } };

const ROUTES: Readonly<Record<string, Readonly<Record<"get" | "post", Operation | undefined>>>> = {
  "/req": {
    get: undefined,
    post: {
      summary: "Has one operation executed; the replica vouches for it, so the client signs nothing",
      operationId: "req",
      body: REQ_BODY,
      answers: { "application/json": REQ_ANSWER },
      problems: [
        ...ANYWHERE,
        ...[
          "malformed",
          "not-accepted-here",
          "not-admitted",
          "body-timeout",
          "stale-timestamp",
          "timestamp-reused",
        ] as const,
        ...[
          "too-large",
          "unsupported-media-type",
          "rejected",
          "overloaded",
          "too-many-clients",
          "unavailable",
        ] as const,
        ...["reply-storage-full", "no-quorum", "too-early", "expired", "not-a-member"] as const,
      ],
    },
  },
  "/status": {
    get: {
      summary: "The state of this replica",
      operationId: "status",
      query: { pretty: "text for people instead of JSON" },
      answers: { "application/json": STATUS, ...TEXT },
      problems: READERS,
    },
    post: undefined,
  },
  "/watch": {
    get: {
      summary: "The changes of the state as they are executed: lines, each with a signature and a statement as JSON",
      operationId: "watch",
      query: {
        key: "the key to watch",
        prefix: "the beginning of the keys to watch",
        batches: "watch the batches themselves",
        from: "the first number; by default what comes from now on",
      },
      answers: TEXT,
      problems: [...READERS, "malformed", "not-found", "overloaded", "unavailable"],
    },
    post: undefined,
  },
  "/evidence": {
    get: {
      summary:
        "Proofs that members are faulty, of all epochs: pairs of signed messages that contradict each other, the latest epoch first",
      operationId: "evidence",
      answers: { "application/json": EVIDENCE },
      problems: [...READERS, "unavailable"],
    },
    post: undefined,
  },
  "/healthz": {
    get: { summary: "Whether the process lives", operationId: "healthz", answers: TEXT, problems: ANYWHERE },
    post: undefined,
  },
  "/readyz": {
    get: {
      summary: "Whether the replica takes part",
      operationId: "readyz",
      answers: TEXT,
      problems: [...ANYWHERE, "unavailable", "not-a-member"],
    },
    post: undefined,
  },
  "/epochs": {
    get: {
      summary: "The chain of epochs: proofs of how the members have changed",
      operationId: "epochs",
      query: {
        after: "the epoch after which the links begin (0)",
        stable:
          "with the last stable checkpoint's certificate, and the replica's statement that it has the epoch's state",
      },
      answers: { "application/json": EPOCHS },
      problems: [...ANYWHERE, "malformed"],
    },
    post: {
      summary: "Says that there is a later epoch: the replica asks the members that it knows, within a bound",
      operationId: "hearOfEpoch",
      status: 202,
      answers: TEXT,
      problems: ANYWHERE,
    },
  },
  "/epochs/approvals": {
    get: undefined,
    post: {
      summary:
        "Approves of a proposal that only changes the key of the member that has signed it, if the operator lets it",
      operationId: "approveRotation",
      body: PROPOSAL,
      answers: { "application/json": APPROVAL },
      problems: [
        ...ANYWHERE,
        "malformed",
        "not-admitted",
        "too-large",
        "unsupported-media-type",
        "body-timeout",
        "overloaded",
      ],
    },
  },
  "/openapi.json": {
    get: {
      summary: "This description",
      operationId: "openapi",
      answers: { "application/json": { type: "object" } },
      problems: ANYWHERE,
    },
    post: undefined,
  },
};

/** The description as JSON. */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  const paths = Object.entries(ROUTES).map(([path, methods]) => {
    const operations = Object.entries(methods).flatMap(([method, operation]) => {
      return operation ? [[method, operationOf(operation)] as const] : [];
    });
    return [path, Object.fromEntries(operations)] as const;
  });
  return {
    openapi: "3.1.0",
    info: {
      title: "A replica of @pbft/edge",
      description:
        "The JSON routes. HEAD is taken where GET is. Signed requests and messages between members are CBOR: see docs/http.md.",
      version: "1",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://localhost:1111", description: "Apple of a local cluster" }],
    security: [],
    paths: Object.fromEntries(paths),
  };
}

function operationOf({ summary, operationId, body, query, answers, problems, status = 200 }: Operation): Schema {
  return {
    summary,
    operationId,
    ...(query && {
      parameters: Object.entries(query).map(([name, description]) => {
        return { name, in: "query", description, allowEmptyValue: true, schema: { type: "string" } };
      }),
    }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      [status]: { description: summary, content: contentOf(answers) },
      ...Object.fromEntries(problemResponses(problems)),
    },
  };
}

function problemResponses(kinds: readonly ProblemKind[]): readonly (readonly [number, Schema])[] {
  const statuses = [...new Set(kinds.map((kind) => PROBLEMS[kind][0]))].sort((a, b) => a - b);
  return statuses.map((status) => {
    const own = kinds.filter((kind) => PROBLEMS[kind][0] === status);
    const isRetried = status === 429 || status === 503;
    return [status, {
      description: own.map((kind) => `${kind}: ${PROBLEMS[kind][1]}`).join("; "),
      ...(isRetried && {
        headers: { "retry-after": { description: "seconds to wait", schema: { type: "string" } } },
      }),
      content: contentOf({ "application/problem+json": problemSchema(own) }),
    }];
  });
}

function contentOf(answers: Readonly<Record<string, Schema>>): Schema {
  return Object.fromEntries(Object.entries(answers).map(([type, schema]) => [type, { schema }]));
}
