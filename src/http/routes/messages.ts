/**
 * The routes that take signed messages.
 * @module
 */
import type { MessageKind } from "../../core/messages/messages.ts";
import { sha256 } from "../../crypto/mod.ts";
import type { Bringer } from "../../node/in/intake.ts";
import type { Rejection, Verifier } from "../../node/ports.ts";
import { decodeBundle, DecodeError, frameKind, MAX_BODY_BYTES, SIGNATURE_BYTES } from "../../wire/mod.ts";
import { CBOR, type Submitter } from "../middleware/submitter.ts";
import type { BodyReader } from "../bodies/body.ts";
import type { Caller } from "../middleware/callers.ts";
import type { Deadlines } from "../bodies/deadlines.ts";
import type { HostedNode } from "../hosted_node.ts";
import { MEMBER_HEADER } from "../peers/membership.ts";
import { Problem, problem, problemOf } from "../problem.ts";
import { isClients, isRelayed, RELAY_HEADER } from "../peers/relay.ts";

/** What the routes of members need. */
export interface MessagesOptions {
  readonly node: HostedNode;
  readonly bodies: BodyReader;
  /** Whether any client may ask as much as it likes: then it does not matter who passes its requests on. */
  readonly isOpen: boolean;
  /** For what members pass on. */
  readonly verifier: Verifier;
}

/** The same, and who calls. */
export interface MessagesFrom extends MessagesOptions {
  readonly caller: Caller;
}

/** Who has signed what it submits. */
export type SignedApplicant = Extract<Submitter, { readonly kind: "request" | "query" }>;

/** What {@linkcode signedAnswer} needs. */
export interface SignedOptions {
  readonly node: HostedNode;
  /** How long it waits for the execution. */
  readonly executions: Deadlines;
}

/** Most frames in one bundle. */
export const MAX_BUNDLE_FRAMES = 4096;
/** Rejections that an answer lists, at most. */
const MAX_LISTED_REJECTIONS = 16;

/** `POST /preprepare` and its like: one frame of one kind. 202 if it was taken. */
export async function frame(request: Request, kind: MessageKind, options: MessagesFrom): Promise<Response> {
  const { node, bodies, caller } = options;
  return await bodies.read(request, { type: CBOR, maxBytes: MAX_BODY_BYTES }, async (body) => {
    checkProof(body, caller);
    const [rejection] = await node.receive([body], [kind], caller.bringer);
    return rejection ? problemOf(rejection) : taken();
  }, caller);
}

/** `POST /messages`: a bundle of frames. */
export async function messages(request: Request, options: MessagesFrom): Promise<Response> {
  const { bodies, caller } = options;
  const relay = request.headers.get(RELAY_HEADER);
  const read = { type: CBOR, maxBytes: MAX_BODY_BYTES };
  return await bodies.read(request, read, (body) => {
    checkProof(body, caller);
    return messagesIn(body, relay, options, caller.bringer);
  }, caller);
}

/** Takes a bundle of frames. `relay`: what says that a member passes on what clients signed. `by`: who brings them. */
export async function messagesIn(
  body: Uint8Array,
  relay: string | null,
  options: MessagesOptions,
  by: Bringer = "host",
): Promise<Response> {
  const { node, isOpen, verifier } = options;
  const bundle = decode(body, by);
  if (bundle.cluster !== node.cluster) {
    throw new Problem("wrong-cluster", {
      detail: "the bundle is for another cluster",
      field: "cluster",
      expected: node.cluster,
      got: bundle.cluster,
    });
  }
  const isMembers = typeof by === "number";
  const isFree = isMembers || (isOpen && by === "host") || !bundle.frames.some(isClients);
  if (isFree || isRelayed(relay, body, node, verifier)) {
    return bundleResponse(await node.receive(bundle.frames, undefined, by));
  }
  throw new Problem("not-accepted-here", {
    detail: "clients' requests are taken at /requests and /queries; here only from a member that signs the bundle",
    field: RELAY_HEADER,
    expected: "a member's number and its signature",
    got: relay === null ? "none" : "another",
  });
}

/** A proof is for one body. @throws {Problem} 401 if this is another. */
function checkProof(body: Uint8Array, { proof }: Caller): void {
  if (proof === null || sha256(body) === proof.digest) return;
  throw new Problem("wrong-signature", {
    detail: `the body is not the one that ${MEMBER_HEADER} is for`,
    field: MEMBER_HEADER,
  });
}

/** `POST /requests` and `/queries`, once it is known who asks: 200 with this replica's signed answer, or 202: there was none so soon. */
export async function signedAnswer(
  submitter: SignedApplicant,
  { node, executions }: SignedOptions,
  onServed: () => void = () => {},
): Promise<Response> {
  const { signal, clear } = executions.signal();
  try {
    const { kind, asked } = submitter;
    const answer = kind === "query" ? await node.query(asked, { signal }) : await node.submit(asked, { signal });
    if (!(answer instanceof Uint8Array)) return problemOf(answer);
    onServed();
    return new Response(answer as Uint8Array<ArrayBuffer>, { headers: { "content-type": CBOR } });
  } catch (error) {
    if (signal.aborted) return taken();
    throw error;
  } finally {
    clear();
  }
}

function taken(): Response {
  return new Response(null, { status: 202 });
}

function decode(body: Uint8Array, by: Bringer): ReturnType<typeof decodeBundle> {
  try {
    return decodeBundle(body, MAX_BUNDLE_FRAMES, by === "strangers" ? { isFrame } : {});
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const { message: detail, field, expected, got } = error;
    throw new Problem(error.tooLarge ? "too-large" : "malformed", { detail, field, expected, got });
  }
}

/** Whether it is worth a closer look. */
function isFrame(bytes: Uint8Array): boolean {
  return bytes.length > SIGNATURE_BYTES && frameKind(bytes) !== "unknown";
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
