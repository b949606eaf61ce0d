/**
 * What is needed of a WebSocket, and what is said on it.
 *
 * A socket carries deliveries one way, from who opened it, one at a time: a bundle as one binary message, answered by the status, as text,
 * that a `POST /messages` of that bundle would get. Like a POST it proves nothing of who sends: every message in it is signed.
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

/** `readyState` of a socket that can be used. */
export const OPEN = 1;

/**
 * Bytes of the largest bundle that is sent on a socket. Votes are below it. Larger ones are POSTed: sent in more than one segment on a
 * socket, they wait for the other side's delayed acknowledgement, 40 ms.
 */
export const MAX_SOCKET_BYTES = 1_280;
