/**
 * The part of a WebSocket that is used, and the protocol on it.
 *
 * A socket carries deliveries in one direction, from the side that opened it: each is a bundle in one binary message.
 * There are no responses. The receiver sends, at first and from time to time, the total number of messages it has
 * received: `ack 0`, `ack 17`; and `busy` if it had to reject the last ones. That is enough to notice a socket that
 * does not deliver, and to bound the messages in flight.
 *
 * The side that opens the socket proves once, by a header, that it is a member. Each message is signed all the same.
 * @module
 */

/** The part of a `WebSocket` that is used, on both sides. */
export interface PeerSocket {
  /** Type of received binary messages: `arraybuffer`. */
  binaryType: string;
  /** 1: open. */
  readonly readyState: number;
  /** Called when the socket is open. */
  onopen: ((event: never) => unknown) | null;
  /** Called for each message. */
  onmessage: ((event: MessageEvent) => unknown) | null;
  /** Called when the socket is closed. */
  onclose: ((event: never) => unknown) | null;
  /** Called on an error; `onclose` follows. */
  onerror: ((event: never) => unknown) | null;
  /** Sends a message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Starts to close the socket. */
  close(code?: number, reason?: string): void;
}

/** `readyState` of a socket that is not open yet. */
export const CONNECTING = 0;
/** `readyState` of an open socket. */
export const OPEN = 1;

/**
 * Maximum bytes of a bundle on a socket: a full batch of the default size, and votes beside it. Larger ones are POSTed,
 * so that votes do not wait long behind them. A POST of a large bundle costs two digests of it, for the proof of
 * membership, and a tenth more CPU in all.
 */
export const MAX_SOCKET_BYTES = 1280 * 1024;

/**
 * Maximum delay of an acknowledgement, ms. Each one wakes two replicas, so they are rare: ten a second on a socket in
 * use. Still they are frequent enough that a socket which delivers nothing is noticed early (see peer_link.ts).
 */
export const ACK_DELAY_MS = 100;
/** Received bytes after which an acknowledgement is sent at once. */
export const ACK_BYTES = 256 * 1024;

/** Sent if the receiver is overloaded. */
export const BUSY = "busy";

/** Encodes an acknowledgement: the total number of messages received. */
export function ackOf(count: number): string {
  return `ack ${count}`;
}

/** Decodes an acknowledgement; `null` if it is something else. */
export function readAck(data: unknown): number | null {
  const digits = typeof data === "string" ? /^ack ([0-9]{1,15})$/.exec(data)?.[1] : undefined;
  return digits === undefined ? null : Number(digits);
}
