/**
 * What the gate lets pass, and to whom.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type {
  Commit,
  Decision,
  Fetch,
  MessageKind,
  Prepare,
  Reply,
  Signed,
  Verified,
} from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";

/** A verified input, and its receiver within the node. */
export type Passed =
  | { readonly to: "core"; readonly kind: MessageKind; readonly from: ReplicaId | null; readonly input: MessageInput }
  | {
    readonly to: "gateway";
    readonly kind: "reply";
    readonly from: ReplicaId;
    readonly reply: Verified<Signed<Reply>>;
  }
  | { readonly to: "queries"; readonly kind: "query"; readonly from: null; readonly query: Verified<SignedQuery> }
  | { readonly to: "blobs"; readonly kind: "fetch"; readonly from: ReplicaId; readonly fetch: Verified<Signed<Fetch>> }
  /** A vote, or a proof of a decision, that is not verified, as it decides nothing any more. */
  | { readonly to: "nobody"; readonly kind: "prepare" | "commit" | "decision"; readonly from: ReplicaId };

/** A vote, or a proof of a decision, whose signatures were not checked. */
export type UnverifiedVote = Signed<Prepare> | Signed<Commit> | Signed<Decision>;

/** The knowledge about a frame where it comes in. */
export interface Known {
  /** Whether the replica waits for the blob with this digest; other blobs are not decoded as batches. Default: yes. */
  readonly isAwaited?: (digest: Digest) => boolean;
  /** Whether this vote in this frame may be left unverified. Default: no. */
  readonly isSurplus?: (vote: UnverifiedVote, frame: Uint8Array) => boolean;
}

/** Whether a message is a prepare, a commit, or the proof of a decision. */
export function isVote(signed: Signed): signed is UnverifiedVote {
  return ["prepare", "commit", "decision"].includes(signed.message.kind);
}

/** The outcome for a vote that decides nothing any more. */
export function leftUnverified({ message: { kind, replica } }: UnverifiedVote): Passed {
  return { to: "nobody", kind, from: replica };
}

/** The client that signed it, if one did. */
export function clientIn(passed: Passed): string | undefined {
  if (passed.to === "queries") return passed.query.message.client;
  if (passed.to !== "core" || passed.input.kind !== "request") return undefined;
  const { message } = passed.input.request;
  return message.kind === "request" ? message.client : undefined;
}
