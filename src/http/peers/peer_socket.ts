/**
 * What is needed of a WebSocket, and what is said on it.
 *
 * A socket carries deliveries one way, from who opened it: each a bundle, as one binary message. Nobody waits for an answer. The other side says
 * at first, and now and then, how many it has taken, in all: `ack 0`, `ack 17`; and `busy` if it had no room for the last ones. That much is enough to
 * tell a socket that delivers from one that swallows, and to keep what is under way within bounds.
 *
 * Who opens it proves to be a member, once, by a header; each message is signed all the same.
 *
 * @module
 */

/** The part of a `WebSocket` that is used, on either side. */
export interface PeerSocket {
  /** How binary messages are given: `arraybuffer`. */
  binaryType: string;
  /** 1: open. */
  readonly readyState: number;
  /** It can be used. */
  onopen: ((event: never) => unknown) | null;
  /** A message has come. */
  onmessage: ((event: MessageEvent) => unknown) | null;
  /** It can't be used any more. */
  onclose: ((event: never) => unknown) | null;
  /** Something went wrong; `onclose` follows. */
  onerror: ((event: never) => unknown) | null;
  /** Sends a message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Says goodbye. */
  close(code?: number, reason?: string): void;
}

/** `readyState` of a socket that is not open yet. */
export const CONNECTING = 0;
/** `readyState` of a socket that can be used. */
export const OPEN = 1;

/** Bytes of the largest bundle that is sent on a socket. Larger ones are POSTed, so that no vote waits behind them for long. */
export const MAX_SOCKET_BYTES = 256 * 1024;

/** What is taken is acknowledged after so long at most, ms. */
export const ACK_DELAY_MS = 20;
/** The same, in bytes. */
export const ACK_BYTES = 256 * 1024;

/** The peer has no room for more. */
export const BUSY = "busy";

/** Says how many messages were taken, in all. */
export function ackOf(count: number): string {
  return `ack ${count}`;
}

/** The inverse; `null`: it is none. */
export function readAck(data: unknown): number | null {
  const digits = typeof data === "string" ? /^ack ([0-9]{1,15})$/.exec(data)?.[1] : undefined;
  return digits === undefined ? null : Number(digits);
}
