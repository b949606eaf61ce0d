/**
 * A frame in short, for listeners.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { GatewayOperation, Message, SignedRequest } from "../../core/messages/messages.ts";
import { decodeBatch, decodeFrame, frameKind, fromUtf8 } from "../../wire/mod.ts";
import { DEFAULT_LIMITS } from "../../core/config.ts";
import type { MessageSummary, PayloadItem } from "./seen.ts";

/** Hex digits of a digest that tell it from others. */
const ID_DIGITS = 12;
/** Operations of one message in a payload, and characters of each. More are left out. */
const MAX_PAYLOAD = { operations: 4, characters: 80 };

/** The start of a digest. */
export function idOf(digest: string): string {
  return digest.slice(0, ID_DIGITS);
}

/** The summary of a frame, also of one that cannot be read. Its signature need not be checked. */
export function summaryOf(
  frame: Uint8Array,
  hash: (bytes: Uint8Array) => Digest,
  getsPayloads: boolean,
): MessageSummary {
  const about = { bytes: frame.length, id: idOf(hash(frame)) };
  try {
    const { signed, batchBytes } = decodeFrame(frame);
    const { message } = signed;
    const payload = getsPayloads ? payloadOf(message, batchBytes) : [];
    const isRequest = message.kind === "request" || message.kind === "gateway-request";
    return {
      kind: message.kind,
      ...fieldsOf(message),
      ...(isRequest && { digest: idOf(hash(signed.bytes)) }),
      ...about,
      ...(payload.length > 0 && { payload }),
    };
  } catch {
    return { kind: frameKind(frame), ...about };
  }
}

function fieldsOf(message: Message): Partial<MessageSummary> {
  switch (message.kind) {
    case "request":
    case "gateway-request":
      return { operations: message.operations.length };
    case "pre-prepare":
    case "prepare":
    case "commit":
      return { view: message.view, sequence: message.sequence, digest: idOf(message.digest) };
    case "checkpoint":
      return { sequence: message.sequence, digest: idOf(message.digest) };
    case "status":
      return { view: message.view, sequence: message.executed };
    case "suspicion":
      return { view: message.view, sequence: message.executed };
    case "view-change":
    case "new-view":
      return { view: message.view };
    case "reply":
      return { view: message.view, digest: idOf(message.request), ...sequenceIn(message.results) };
    case "decision":
      return sequenceIn(message.commits.map((commit) => commit.message));
    case "stable-checkpoint":
      return sequenceIn(message.checkpoints.map((checkpoint) => checkpoint.message));
    default:
      return {};
  }
}

function sequenceIn([first]: readonly { readonly sequence: number }[]): Partial<MessageSummary> {
  return first ? { sequence: first.sequence } : {};
}

function payloadOf(message: Message, batchBytes: Uint8Array | undefined): readonly PayloadItem[] {
  if (message.kind === "request" || message.kind === "gateway-request") return operationsOf(message);
  if (batchBytes === undefined) return [];
  const { requests } = decodeBatch(batchBytes, DEFAULT_LIMITS);
  return requests.slice(0, MAX_PAYLOAD.operations).flatMap((request) => operationsOf(request.message))
    .slice(0, MAX_PAYLOAD.operations);
}

function operationsOf(message: SignedRequest["message"]): readonly PayloadItem[] {
  if (message.kind === "gateway-request") return message.operations.slice(0, MAX_PAYLOAD.operations).map(itemOf);
  const { client, timestamp } = message;
  return message.operations.slice(0, MAX_PAYLOAD.operations).map((operation) =>
    itemOf({ name: client, timestamp, operation })
  );
}

/** One operation for people. */
export function itemOf({ name, timestamp, operation }: GatewayOperation): PayloadItem {
  return { client: name.slice(0, MAX_PAYLOAD.characters), timestamp, operation: textOf(operation) };
}

function textOf(bytes: Uint8Array): string {
  const { characters } = MAX_PAYLOAD;
  // A character has at most 4 bytes.
  const start = bytes.subarray(0, 4 * characters);
  let text: string;
  try {
    text = bytes.length > start.length ? hexOf(start) : fromUtf8(start);
  } catch {
    text = hexOf(start);
  }
  return text.length > characters ? `${text.slice(0, characters - 1)}…` : text;
}

function hexOf(bytes: Uint8Array): string {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
