/**
 * The routes of epochs: `GET /epochs` gives the chain, by which anybody who trusts one epoch gets to the present one;
 * `POST /epochs` says that there is a later epoch; `POST /epochs/state` gives the state to members of a later epoch,
 * who are no members for this replica; and `POST /epochs/approvals` approves of a rotation.
 * @module
 */
import { ConfigureError, type Entered, type Epoch } from "../../wire/epochs/mod.ts";
import type { ClosedEvidence } from "../../node/closed/evidence.ts";
import type { HostedNode } from "../hosted_node.ts";
import { pack, toBase64 } from "../../wire/mod.ts";
import type { BodyReader } from "../bodies/body.ts";
import type { Caller } from "../middleware/callers.ts";
import { CBOR } from "../middleware/submitter.ts";
import { Problem } from "../problem.ts";

/** What the routes need of a member. */
export interface EpochsHost {
  /** The present epoch. */
  readonly epoch: Pick<Epoch, "cluster" | "number">;
  /** The encoded links after this epoch. */
  linksAfter(epoch: number): readonly Uint8Array[];
  /**
   * Answers a member of an epoch that fetches its state: with blobs, possibly none. `null` if the fetch is not signed by a
   * member of that epoch who is a member still, or if it asks too much.
   */
  answerFetch(epoch: number, frame: Uint8Array): Promise<readonly Uint8Array[]> | null;
  /** The frames of the last stable checkpoint's certificate of the present epoch. */
  stable?(): readonly Uint8Array[];
  /** What this member has signed about the state at which the present epoch starts; `null` if it lacks the state. */
  entered?(): Entered | null;
  /** Approves of a rotation, given as JSON; left out: no such proposal is approved of. @throws with the refusal. */
  approve?(proposal: unknown): Promise<{ readonly name: string; readonly signature: string }>;
  /** Somebody says that there is a later epoch. */
  hear?(): void;
  /** Evidence of epochs that are over, the latest first. Rejects if the store can't be read. */
  closedEvidence?(): Promise<readonly ClosedEvidence[]>;
}

/** A node by itself, which knows of no other epochs. */
export function onlyEpochOf({ cluster, epoch }: HostedNode): EpochsHost {
  return { epoch: epoch ?? { cluster, number: 0 }, linksAfter: () => [], answerFetch: () => null };
}

/** The most bytes of links in one answer; a single larger link is sent alone. */
const MAX_LINK_BYTES = 1024 * 1024;
/** Links as text, so that a repeated question costs little. */
const texts = new WeakMap<Uint8Array, string>();
/** The largest signed fetch, bytes. */
const MAX_FETCH_BYTES = 16 * 1024;

/** The largest proposal, bytes: a configuration with 72 members, as JSON. */
const MAX_PROPOSAL_BYTES = 128 * 1024;

/** The part of a request that asks for the chain. */
type Query = (name: string) => string | undefined;

/**
 * `GET /epochs?after=E`: the links after epoch E, in base64, as many as fit into one answer. With `stable` also the
 * certificate of the last stable checkpoint, and this member's statement that it has the state of its epoch. `more`: what
 * else the answer says.
 */
export function epochsResponse(query: Query, host: EpochsHost, more?: { readonly isMember: boolean }): Response {
  const after = natural(query("after") ?? "0", "after");
  const links: string[] = [];
  let bytes = 0;
  for (const link of host.linksAfter(after)) {
    bytes += link.length;
    if (links.length > 0 && bytes > MAX_LINK_BYTES) break;
    links.push(textOf(link));
  }
  const { cluster, number } = host.epoch;
  return Response.json({
    cluster,
    epoch: number,
    after,
    links,
    ...more,
    ...(query("stable") !== undefined && proofsOf(host)),
  });
}

/** What shows that the members of the epoch before are not needed any more. */
function proofsOf(host: EpochsHost): Readonly<Record<string, unknown>> {
  const entered = host.entered?.();
  return {
    stable: (host.stable?.() ?? []).map(toBase64),
    ...(entered && { entered: { member: entered.member, signature: toBase64(entered.signature) } }),
  };
}

/** `POST /epochs`: the sender says that there is a later epoch. It proves nothing, and so its body is not read. */
export async function hearOfEpoch(request: Request, host: EpochsHost): Promise<Response> {
  await request.body?.cancel().catch(() => {});
  host.hear?.();
  return new Response("the members are asked\n", { status: 202 });
}

function textOf(link: Uint8Array): string {
  const text = texts.get(link) ?? toBase64(link);
  texts.set(link, text);
  return text;
}

/**
 * `POST /epochs/state?epoch=E`: takes the frame of a fetch that a member of epoch E has signed, and answers with the
 * blobs that are there, as a list in CBOR.
 */
export async function epochState(
  request: Request,
  query: string | undefined,
  { epochs, bodies, caller }: { readonly epochs: EpochsHost; readonly bodies: BodyReader; readonly caller: Caller },
): Promise<Response> {
  const epoch = natural(query ?? "", "epoch");
  return await bodies.read(request, { type: CBOR, maxBytes: MAX_FETCH_BYTES }, async (body) => {
    const answer = epochs.answerFetch(epoch, body);
    if (answer) return new Response(pack(await answer), { headers: { "content-type": CBOR } });
    throw new Problem("unknown-signer", {
      detail:
        `expected a fetch that is signed by a member of epoch ${epoch} who is a member still, one at a time; this ` +
        `member knows of epoch ${epochs.epoch.number}`,
    });
  }, caller);
}

/**
 * `POST /epochs/approvals`: takes a proposal that only changes the key of the member that has signed it, and answers
 * with this member's approval, if its operator lets it.
 */
export async function epochApproval(
  request: Request,
  { epochs, bodies, caller }: { readonly epochs: EpochsHost; readonly bodies: BodyReader; readonly caller: Caller },
): Promise<Response> {
  if (!epochs.approve) {
    throw new Problem("not-admitted", { detail: "this member approves of nothing by itself: ask its operator" });
  }
  const approve = epochs.approve.bind(epochs);
  return await bodies.read(request, { type: "application/json", maxBytes: MAX_PROPOSAL_BYTES }, async (body) => {
    try {
      return Response.json(await approve(JSON.parse(new TextDecoder().decode(body))));
    } catch (error) {
      if (error instanceof ConfigureError) throw new Problem("not-admitted", { detail: error.message });
      throw new Problem("malformed", { detail: error instanceof Error ? error.message : String(error) });
    }
  }, caller);
}

/** The part of Hono's `Context` that the routes use. */
interface Called {
  readonly req: { readonly raw: Request; query(name: string): string | undefined };
  readonly var: { readonly caller: Caller };
}

/** The routes of a member. */
export function epochRoutes({ epochs, bodies }: { readonly epochs: EpochsHost; readonly bodies: BodyReader }) {
  return {
    "/epochs": {
      GET: [(c: Called) => epochsResponse((name) => c.req.query(name), epochs)],
      POST: [(c: Called) => hearOfEpoch(c.req.raw, epochs)],
    },
    "/epochs/state": {
      POST: [(c: Called) => epochState(c.req.raw, c.req.query("epoch"), { epochs, bodies, caller: c.var.caller })],
    },
    "/epochs/approvals": {
      POST: [(c: Called) => epochApproval(c.req.raw, { epochs, bodies, caller: c.var.caller })],
    },
  } as const;
}

function natural(text: string, field: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const expected = "the number of an epoch";
  throw new Problem("malformed", {
    detail: `${field}: expected ${expected}, got ${JSON.stringify(text)}`,
    field,
    expected,
    got: text,
  });
}
