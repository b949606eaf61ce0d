/**
 * WebSockets to members on connections of their own, for Deno. Deno's `WebSocket` reads whatever the other side sends on the thread of the replica, buffers
 * unfinished messages without bound, and goes on with both after `close()`. The other side of these sockets only acknowledges, so little is
 * taken of it: short texts, few a second.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import { CONNECTING, OPEN, type PeerSocket } from "../peers/peer_socket.ts";
import { FrameReader, maskedFrame, OPCODE } from "./raw_frames.ts";
import type { RawConnection } from "./wary_fetch.ts";

/** What a socket needs. */
export interface RawSocketOptions {
  readonly connect: (url: URL) => Promise<RawConnection>;
  readonly timer: Timer;
}

/** `readyState` while it is being closed, and after. */
const [CLOSING, CLOSED] = [2, 3];
/** A socket that the other side does not close is cut after this time, ms. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Most bytes before the upgrade is answered, and most interim answers. */
const [MAX_HEAD_BYTES, MAX_INTERIM] = [16 * 1024, 8];
/** A ping is not answered while so many frames wait: a peer that takes nothing gets no more for it. */
const MOST_FRAMES_BEFORE_PONG = 64;
/** Frames that wait are written together up to so many bytes. */
const MAX_WRITE_BYTES = 64 * 1024;

/** A client's socket. */
export class RawSocket implements PeerSocket {
  /** Nothing is received as another type. */
  binaryType = "arraybuffer";
  readyState: number = CONNECTING;
  onopen: PeerSocket["onopen"] = null;
  onmessage: PeerSocket["onmessage"] = null;
  onclose: PeerSocket["onclose"] = null;
  onerror: PeerSocket["onerror"] = null;
  readonly #options: RawSocketOptions;
  #connection: RawConnection | null = null;
  #waiting: Uint8Array[] = [];
  #isWriting = false;
  #cancelClosing: () => void = () => {};

  /** Opens it. `url` begins with `ws:` or `wss:`. */
  constructor(url: string, headers: Readonly<Record<string, string>>, options: RawSocketOptions) {
    this.#options = options;
    this.#run(new URL(url.replace(/^ws/, "http")), headers).catch(() => {}).then(() => this.#end());
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const isText = typeof data === "string";
    if (this.readyState !== OPEN) return;
    this.#waiting.push(
      maskedFrame(isText ? OPCODE.text : OPCODE.binary, isText ? new TextEncoder().encode(data) : data),
    );
    void this.#write();
  }

  close(code = 1000): void {
    if (this.readyState === CONNECTING) return this.#end();
    if (this.readyState !== OPEN) return;
    this.readyState = CLOSING;
    const { timer } = this.#options;
    this.#cancelClosing = timer.schedule(millis(timer.now() + CLOSE_TIMEOUT_MS), () => this.#end());
    this.#waiting.push(maskedFrame(OPCODE.close, Uint8Array.of(code >> 8, code & 0xff)));
    void this.#write();
  }

  #end(): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.#cancelClosing();
    this.#waiting = [];
    this.#connection?.close();
    queueMicrotask(() => this.onclose?.({} as never));
  }

  async #run(url: URL, headers: Readonly<Record<string, string>>): Promise<void> {
    const connection = await this.#options.connect(url);
    this.#connection = connection;
    if (this.readyState === CLOSED) return connection.close();
    const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
    const lines = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      ...Object.entries({
        host: url.host,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": key,
        ...headers,
      }).map(([name, value]) => `${name}: ${value}`),
    ];
    await writeAll(connection, new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
    const rest = await readUpgrade(connection);
    if (this.readyState !== CONNECTING) return;
    this.readyState = OPEN;
    this.onopen?.({} as never);
    await this.#read(connection, rest);
  }

  async #read(connection: RawConnection, rest: Uint8Array): Promise<void> {
    const frames = new FrameReader(() => this.#options.timer.monotonic());
    const buffer = new Uint8Array(4 * 1024);
    for (let bytes = rest;;) {
      for (const { opcode, payload } of frames.take(bytes)) {
        if (opcode === OPCODE.close) return;
        if (opcode === OPCODE.ping && this.#waiting.length < MOST_FRAMES_BEFORE_PONG) {
          this.#waiting.push(maskedFrame(OPCODE.pong, payload));
        }
        if (opcode === OPCODE.text && this.readyState === OPEN) {
          this.onmessage?.({ data: new TextDecoder().decode(payload) } as MessageEvent);
        }
      }
      void this.#write();
      const count = await connection.read(buffer);
      if (count === null || this.readyState === CLOSED) return;
      bytes = buffer.subarray(0, count);
    }
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      while (this.#waiting.length > 0) await writeAll(this.#connection!, this.#next());
    } catch {
      this.#end();
    } finally {
      this.#isWriting = false;
    }
  }

  /** What is written next: several small frames, or a large one. */
  #next(): Uint8Array {
    let [count, length] = [1, this.#waiting[0]!.length];
    while (count < this.#waiting.length && length + this.#waiting[count]!.length <= MAX_WRITE_BYTES) {
      length += this.#waiting[count++]!.length;
    }
    const frames = this.#waiting.splice(0, count);
    if (count === 1) return frames[0]!;
    const all = new Uint8Array(length);
    let at = 0;
    for (const frame of frames) {
      all.set(frame, at);
      at += frame.length;
    }
    return all;
  }
}

async function writeAll(connection: RawConnection, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Reads the answer to the upgrade. Returns what came after it. @throws {TypeError} if it is another answer, or none within the bounds. */
async function readUpgrade(connection: RawConnection): Promise<Uint8Array> {
  const buffer = new Uint8Array(4 * 1024);
  let [text, bytes, interim] = ["", 0, 0];
  for (;;) {
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) {
      const status = /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n/.exec(text)?.[1];
      const rest = text.slice(end + 4);
      if (status === "101") return Uint8Array.from(rest, (character) => character.charCodeAt(0));
      if (!status?.startsWith("1") || ++interim > MAX_INTERIM) throw new TypeError("upgrade: expected status 101");
      text = rest;
      continue;
    }
    if (bytes >= MAX_HEAD_BYTES) throw new TypeError(`upgrade: expected an answer within ${MAX_HEAD_BYTES} bytes`);
    const count = await connection.read(buffer);
    if (count === null) throw new TypeError("upgrade: expected an answer, got the end of the connection");
    bytes += count;
    text += latin1(buffer.subarray(0, count));
  }
}

/** Each byte as the character with its number. The decoder of that name makes others of some. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
