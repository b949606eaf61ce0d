/**
 * goPBFT's routes, one per kind of message: `POST /preprepare`, `/prepare`, `/commit` and `/reply`. Each takes one
 * frame and passes it to the node as `POST /messages` does. Our own replicas use `/messages` only; nothing else depends
 * on this file.
 * @module
 */
import type { MessageKind } from "../../core/messages/messages.ts";
import { MAX_BODY_BYTES } from "../../wire/mod.ts";
import type { Caller } from "../middleware/callers.ts";
import { CBOR } from "../middleware/submitter.ts";
import { problemOf } from "../problem.ts";
import { accepted, checkProof, checkRest, type MessagesOptions } from "./messages.ts";

/** The part of Hono's `Context` that the routes use. */
interface RouteContext {
  readonly req: { readonly raw: Request };
  readonly var: { readonly caller: Caller };
}

type Handler = (context: RouteContext) => Promise<Response>;

/** The kind of message that each route takes. */
const KINDS: Readonly<Record<string, MessageKind>> = {
  "/preprepare": "pre-prepare",
  "/prepare": "prepare",
  "/commit": "commit",
  "/reply": "reply",
};

/** The four routes, for the table of the app: 202 if the frame was accepted, otherwise a problem. */
export function goPbftRoutes(
  options: MessagesOptions,
): Readonly<Record<string, { readonly POST: readonly [Handler] }>> {
  return Object.fromEntries(
    Object.entries(KINDS).map(([path, kind]) => {
      const handler: Handler = (context) => receiveFrame(context.req.raw, kind, options, context.var.caller);
      return [path, { POST: [handler] }] as const;
    }),
  );
}

async function receiveFrame(
  request: Request,
  kind: MessageKind,
  { node, bodies, conduct }: MessagesOptions,
  caller: Caller,
): Promise<Response> {
  checkRest(caller, node);
  return await bodies.read(request, { type: CBOR, maxBytes: MAX_BODY_BYTES }, async (body) => {
    checkProof(body, caller);
    const { source } = caller;
    const answers = await node.receive([body], [kind], source);
    if (typeof source === "number") conduct?.onAnswers(source, answers);
    const [rejection] = answers;
    return rejection ? problemOf(rejection) : accepted();
  }, caller);
}
