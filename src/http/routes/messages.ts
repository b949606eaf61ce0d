/**
 * The routes that accept signed messages.
 * @module
 */
import { sha256 } from "../../crypto/mod.ts";
import type { FrameSource } from "../../node/in/intake.ts";
import type { Rejection, Verifier } from "../../node/ports.ts";
import {
  ACCEPT_PATHS,
  decodeBundle,
  DecodeError,
  decodeFrame,
  DIGEST_REPLY,
  digestReplyOf,
  frameKind,
  MAX_BODY_BYTES,
  MIN_WHOLE_BYTES,
  SIGNATURE_BYTES,
} from "../../wire/mod.ts";
import { CBOR } from "../middleware/submitter.ts";
import type { BodyReader } from "../bodies/body.ts";
import type { Caller } from "../middleware/callers.ts";
import type { Deadlines } from "../bodies/deadlines.ts";
import type { HostedNode } from "../hosted_node.ts";
import type { MemberConduct } from "../peers/conduct.ts";
import { MEMBER_HEADER } from "../peers/membership.ts";
import { Problem, problem, problemOf } from "../problem.ts";
import { isClientFrame, isRelayed, RELAY_HEADER } from "../peers/relay.ts";
import type { Submitter } from "../middleware/context.ts";

/** Options of the routes for members. */
export interface MessagesOptions {
  readonly node: HostedNode;
  readonly bodies: BodyReader;
  /** Whether every client is served without limits. Then it does not matter who relays a client's request. */
  readonly isOpen: boolean;
  /** Checks the signature of a member that relays clients' requests. */
  readonly verifier: Verifier;
  /** Counts the faults of members. */
  readonly conduct?: MemberConduct | undefined;
}

/** The same options, and the caller. */
export interface MessagesFrom extends MessagesOptions {
  readonly caller: Caller;
}

/** A submitter of a signed request or query. */
export type SignedSubmitter = Extract<Submitter, { readonly kind: "request" | "query" }>;

/** Options of {@linkcode signedResponse}. */
export interface SignedResponseOptions {
  readonly node: HostedNode;
  /** How long to wait for the execution. */
  readonly executions: Deadlines;
}

/**
 * The limits of this replica's own replies. They are not those of the node's epoch: if that has ended meanwhile, the reply is of a
 * later epoch, which may allow longer results.
 */
const OWN_REPLY = { maxRequestOperations: MAX_BODY_BYTES, maxResultBytes: MAX_BODY_BYTES };

/** Maximum number of frames in one bundle. */
export const MAX_BUNDLE_FRAMES = 4096;
/** Maximum number of rejections that one response lists. */
const MAX_LISTED_REJECTIONS = 16;

/** `POST /messages`: accepts a bundle of frames. */
export async function messages(request: Request, options: MessagesFrom): Promise<Response> {
  const { bodies, caller, node } = options;
  checkRest(caller, node);
  const relay = request.headers.get(RELAY_HEADER);
  const read = { type: CBOR, maxBytes: MAX_BODY_BYTES };
  return await bodies.read(request, read, (body) => {
    checkProof(body, caller);
    return receiveBundle(body, relay, options, caller.source);
  }, caller);
}

/**
 * Accepts a bundle of frames. `relay`: the header by which a member shows that it relays clients' frames. `by`: the
 * source of the bundle.
 */
export async function receiveBundle(
  body: Uint8Array,
  relay: string | null,
  options: MessagesOptions,
  by: FrameSource = "host",
): Promise<Response> {
  const { node, isOpen, verifier, conduct } = options;
  const isMembers = typeof by === "number";
  const frames = framesBy(body, by, options);
  const isFree = isMembers || (isOpen && by === "host") || !frames.some(isClientFrame);
  if (isFree || isRelayed(relay, body, node, verifier)) {
    const answers = await node.receive(frames, undefined, by);
    if (isMembers) conduct?.onAnswers(by, answers);
    return bundleResponse(answers);
  }
  throw new Problem("not-accepted-here", {
    detail:
      `clients send requests to /requests and queries to /queries; a member that relays them signs the bundle (${RELAY_HEADER})`,
    field: RELAY_HEADER,
    expected: "a member's number and its signature of the body",
    got: relay === null ? "none" : "a wrong signature",
  });
}

/** The frames of a bundle. A member that sends something else has made a fault. */
function framesBy(body: Uint8Array, by: FrameSource, { node, conduct }: MessagesOptions): readonly Uint8Array[] {
  try {
    return framesOf(body, node, by);
  } catch (error) {
    if (typeof by === "number") conduct?.onFault(by);
    throw error;
  }
}

/**
 * Refuses a member that has used up what it may cost this replica, before its body is read.
 * @throws {Problem} 429 in that case.
 */
export function checkRest({ source }: Caller, node: HostedNode): void {
  const restMs = typeof source === "number" ? node.restMs?.(source) ?? 0 : 0;
  if (restMs === 0) return;
  throw new Problem("overloaded", {
    detail: "this member has sent too much that was of no use, such as repeated messages; retry later",
    headers: { "retry-after": String(Math.ceil(restMs / 1_000)) },
  });
}

/**
 * Checks that the proof of a member is for this body.
 * @throws {Problem} 401 if it is for another one.
 */
export function checkProof(body: Uint8Array, { proof }: Caller): void {
  if (proof === null || sha256(body) === proof.digest) return;
  throw new Problem("wrong-signature", {
    detail: `${MEMBER_HEADER}: expected a proof for this body, got one for another; send both unchanged`,
    field: MEMBER_HEADER,
  });
}

/**
 * `POST /requests` and `/queries`, after authentication: 200 with this replica's signed answer, or 202 if there was
 * none in time.
 */
export async function signedResponse(
  submitter: SignedSubmitter,
  { node, executions }: SignedResponseOptions,
  onServed: () => void = () => {},
): Promise<Response> {
  const { signal, clear } = executions.signal();
  try {
    const { kind, asked, request } = submitter;
    const acceptsPaths = kind === "request" && (request.headers.get("accept")?.includes(ACCEPT_PATHS) ?? false);
    const answer = kind === "query"
      ? await node.query(asked, { signal })
      : await node.submit(asked, { signal, acceptsPaths });
    if (!(answer instanceof Uint8Array)) return problemOf(answer);
    onServed();
    const isLarge = kind === "request" && answer.length > MIN_WHOLE_BYTES;
    if (isLarge && request.headers.get("accept")?.includes(DIGEST_REPLY)) {
      return new Response(digestReplyOf(decodeFrame(answer, OWN_REPLY)), { headers: { "content-type": DIGEST_REPLY } });
    }
    return new Response(answer as Uint8Array<ArrayBuffer>, { headers: { "content-type": CBOR } });
  } catch (error) {
    if (signal.aborted) return accepted();
    throw error;
  } finally {
    clear();
  }
}

export function accepted(): Response {
  return new Response(null, { status: 202 });
}

/**
 * The frames of a bundle for this cluster.
 * @throws {Problem} if it is not a bundle, or one for another cluster.
 */
export function framesOf(
  body: Uint8Array,
  { cluster: expected }: Pick<HostedNode, "cluster">,
  by: FrameSource,
): readonly Uint8Array[] {
  const { cluster, frames } = decode(body, by);
  if (cluster === expected) return frames;
  throw new Problem("wrong-cluster", {
    detail: `cluster: expected ${expected}, got ${cluster}; check that both replicas have the same cluster file`,
    field: "cluster",
    expected,
    got: cluster,
  });
}

function decode(body: Uint8Array, by: FrameSource): ReturnType<typeof decodeBundle> {
  try {
    return decodeBundle(body, MAX_BUNDLE_FRAMES, by === "strangers" ? { isFrame } : {});
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const { message: detail, field, expected, got } = error;
    throw new Problem(error.tooLarge ? "too-large" : "malformed", { detail, field, expected, got });
  }
}

/** Whether bytes from a stranger look like a frame: long enough for a signature, and of a known kind. */
function isFrame(bytes: Uint8Array): boolean {
  return bytes.length > SIGNATURE_BYTES && frameKind(bytes) !== "unknown";
}

/** 202 if any frame was accepted, or 429 if the node is overloaded. The body lists the rejected frames. */
function bundleResponse(answers: readonly (Rejection | null)[]): Response {
  const rejected = answers.flatMap((rejection, index) => rejection ? [{ index, ...rejection }] : []);
  if (rejected.length === 0) return accepted();
  const more = { taken: answers.length - rejected.length, rejected: rejected.slice(0, MAX_LISTED_REJECTIONS) };
  const overloaded = rejected.find(({ reason }) => reason === "overloaded");
  if (overloaded) return problem("overloaded", { detail: overloaded.detail, more });
  if (more.taken > 0) return Response.json(more, { status: 202 });
  return problemOf(rejected[0]!, more);
}
