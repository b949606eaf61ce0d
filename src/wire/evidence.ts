/**
 * Evidence of a replica's misconduct as JSON, as `GET /evidence` lists it.
 * @module
 */
import type { Contradiction, Statement } from "../core/messages/evidence.ts";
import type { Signed } from "../core/messages/messages.ts";
import { fromBase64, toBase64 } from "./codec/base64.ts";
import { DecodeError } from "./codec/decode_error.ts";
import { decodeFrame, encodeFrame } from "./messages/frame.ts";
import type { WireLimits } from "./messages/limits.ts";

/** One contradiction. Only the signed frames prove something; the other fields are there for people to read. */
export interface EvidenceItem {
  /** The {@link ReplicaId} of the replica that contradicts itself. */
  readonly accused: number;
  /** The kind of both messages. */
  readonly kind: Statement["kind"];
  /** The view of both messages; `null` for checkpoints, which have no view. */
  readonly view: number | null;
  /** The sequence number of both messages; `null` for view-changes, which have none. */
  readonly number: number | null;
  /** The two messages: each one's digest (`null` for view-changes) and its signed frame in base64. */
  readonly messages: readonly { readonly digest: string | null; readonly frame: string }[];
}

const KINDS: readonly Statement["kind"][] = ["pre-prepare", "prepare", "commit", "checkpoint", "view-change"];

/** A contradiction as JSON. */
export function encodeEvidence({ first, second }: Contradiction): EvidenceItem {
  const { message } = first;
  return {
    accused: message.replica,
    kind: message.kind,
    view: message.kind === "checkpoint" ? null : message.view,
    number: message.kind === "view-change" ? null : message.sequence,
    messages: [first, second].map((signed) => ({
      digest: signed.message.kind === "view-change" ? null : signed.message.digest,
      frame: toBase64(encodeFrame(signed)),
    })),
  };
}

/**
 * The two signed messages of an item. Nothing is verified here.
 * @throws {DecodeError} if the item does not have two frames of pre-prepares, prepares, commits, checkpoints or view-changes.
 */
export function decodeEvidence(item: unknown, limits: Partial<WireLimits> = {}): Contradiction {
  const messages = (item as Partial<EvidenceItem> | null)?.messages;
  if (!Array.isArray(messages) || messages.length !== 2) {
    throw new DecodeError("messages", "a list of two messages", show(messages));
  }
  const [first, second] = messages.map((message, index) => statementIn(message?.frame, `messages[${index}]`, limits));
  return { first: first!, second: second! };
}

function statementIn(frame: unknown, at: string, limits: Partial<WireLimits>): Signed<Statement> {
  if (typeof frame !== "string") throw new DecodeError(`${at}.frame`, "a frame in base64", show(frame));
  const { signed } = decodeFrame(bytesOf(frame, at), limits);
  const { kind } = signed.message;
  if (KINDS.some((statement) => statement === kind)) return signed as Signed<Statement>;
  throw new DecodeError(`${at}.frame`, `one of ${KINDS.join(", ")}`, kind);
}

function bytesOf(base64: string, at: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch {
    throw new DecodeError(`${at}.frame`, "a frame in base64", "a string that is not base64");
  }
}

function show(value: unknown): string {
  return Array.isArray(value) ? `${value.length} items` : typeof value;
}
