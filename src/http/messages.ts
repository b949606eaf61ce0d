/**
 * The routes that take signed messages.
 * @module
 */
import type { MessageKind } from "../core/messages.ts";
import type { Rejection, Verifier } from "../node/ports.ts";
import type { SubmitOptions } from "../node/node.ts";
import { decodeBundle, DecodeError, MAX_BODY_BYTES } from "../wire/mod.ts";
import type { BodyReader } from "./body.ts";
import type { Clients } from "./clients.ts";
import type { Deadlines } from "./deadlines.ts";
import type { HostedNode } from "./hosted_node.ts";
import { Problem, problem, problemOf } from "./problem.ts";
import { isClients, isRelayed, RELAY_HEADER } from "./relay.ts";

/** What the routes need. */
export interface MessagesOptions {
  readonly node: HostedNode;
  readonly bodies: BodyReader;
  /** How long `POST /requests` and `POST /queries` wait for the execution. */
  readonly executions: Deadlines;
  /** Requests that may wait at `POST /requests` at once, and queries at `POST /queries`. */
  readonly maxWaiting: number;
  /** Who is served. */
  readonly clients: Clients;
  /** For what members pass on. */
  readonly verifier: Verifier;
}

/** Media type of frames and bundles. */
export const CBOR = "application/cbor";
/** Most frames in one bundle. */
export const MAX_BUNDLE_FRAMES = 4096;
/** Rejections that an answer lists, at most. */
const MAX_LISTED_REJECTIONS = 16;
/** Room for what surrounds a request in its frame. */
const FRAME_OVERHEAD_BYTES = 4 * 1024;

/** `POST /preprepare` and its like: one frame of one kind. 202 if it was taken. */
export async function frame(request: Request, kind: MessageKind, options: MessagesOptions): Promise<Response> {
  return await options.bodies.read(request, { type: CBOR, maxBytes: MAX_BODY_BYTES }, async (body) => {
    const [rejection] = await options.node.receive([body], [kind]);
    return rejection ? problemOf(rejection) : taken();
  });
}

/** `POST /messages`: a bundle of frames. */
export async function messages(request: Request, options: MessagesOptions): Promise<Response> {
  const relay = request.headers.get(RELAY_HEADER);
  const read = { type: CBOR, maxBytes: MAX_BODY_BYTES };
  return await options.bodies.read(request, read, (body) => messagesIn(body, relay, options));
}

/** Takes a bundle of frames. `relay`: what says that a member passes on what clients signed. */
export async function messagesIn(body: Uint8Array, relay: string | null, options: MessagesOptions): Promise<Response> {
  const { node, clients, verifier } = options;
  const bundle = decode(body);
  if (bundle.cluster !== node.cluster) {
    throw new Problem("wrong-cluster", {
      detail: "the bundle is for another cluster",
      field: "cluster",
      expected: node.cluster,
      got: bundle.cluster,
    });
  }
  const isFree = clients.isOpen || !bundle.frames.some(isClients);
  if (isFree || isRelayed(relay, body, node, verifier)) return bundleResponse(await node.receive(bundle.frames));
  throw new Problem("not-accepted-here", {
    detail: "clients' requests are taken at /requests and /queries; here only from a member that signs the bundle",
    field: RELAY_HEADER,
    expected: "a member's number and its signature",
    got: relay === null ? "none" : "another",
  });
}

/** Has a node answer a signed client's frame. */
export type Answering = (frame: Uint8Array, options: Required<SubmitOptions>) => Promise<Uint8Array | Rejection>;

/** Waits for answers at `POST /requests` or `POST /queries`, so many at once. */
export class SignedRequests {
  readonly #options: MessagesOptions;
  readonly #route: "/requests" | "/queries";
  readonly #answer: Answering;
  #waiting = 0;

  constructor(options: MessagesOptions, route: "/requests" | "/queries", answer: Answering) {
    this.#options = options;
    this.#route = route;
    this.#answer = answer;
  }

  /** One signed request or query. 200 with this replica's signed answer, or 202: there was none so soon. */
  async handle(request: Request): Promise<Response> {
    const { node, bodies, maxWaiting } = this.#options;
    if (this.#waiting >= maxWaiting) {
      throw new Problem("overloaded", { detail: "too many requests wait at this replica; try again shortly" });
    }
    this.#waiting++;
    try {
      const maxBytes = node.genesis.limits.maxRequestBytes + FRAME_OVERHEAD_BYTES;
      return await bodies.read(request, { type: CBOR, maxBytes }, (body) => this.#submit(body, request));
    } finally {
      this.#waiting--;
    }
  }

  async #submit(body: Uint8Array, request: Request): Promise<Response> {
    const { clients, executions } = this.#options;
    const entrance = await clients.enter(body, this.#route, request);
    const { signal, clear } = executions.signal();
    try {
      const reply = await this.#answer(body, { signal, admit: entrance.admit });
      entrance.check();
      if (!(reply instanceof Uint8Array)) return problemOf(reply);
      return new Response(reply as Uint8Array<ArrayBuffer>, { headers: { "content-type": CBOR } });
    } catch (error) {
      if (signal.aborted) return taken();
      throw error;
    } finally {
      clear();
    }
  }
}

function taken(): Response {
  return new Response(null, { status: 202 });
}

function decode(body: Uint8Array): ReturnType<typeof decodeBundle> {
  try {
    return decodeBundle(body, MAX_BUNDLE_FRAMES);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const { message: detail, field, expected, got } = error;
    throw new Problem(error.tooLarge ? "too-large" : "malformed", { detail, field, expected, got });
  }
}

/** 202 if anything was taken, unless the sender should slow down; what was not taken is listed. */
function bundleResponse(answers: readonly (Rejection | null)[]): Response {
  const rejected = answers.flatMap((rejection, index) => rejection ? [{ index, ...rejection }] : []);
  if (rejected.length === 0) return taken();
  const more = { taken: answers.length - rejected.length, rejected: rejected.slice(0, MAX_LISTED_REJECTIONS) };
  const overloaded = rejected.find(({ reason }) => reason === "overloaded");
  if (overloaded) return problem("overloaded", { detail: overloaded.detail, more });
  if (more.taken > 0) return Response.json(more, { status: 202 });
  return problemOf(rejected[0]!, more);
}
