/**
 * A connection of a stranger: from an address of its own, within its share of the line, and with a count of the answers.
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";

/** Bytes per second, which one attacker may not exceed. */
export class Line {
  sent = 0;
  readonly #bytesPerMs: number;
  #freeAt = performance.now();

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Resolves when so many bytes more may be sent. */
  async take(bytes: number): Promise<void> {
    this.sent += bytes;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + bytes / this.#bytesPerMs;
    const waitMs = this.#freeAt - now;
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** What an attacker was answered: how often each status came, and `closed` without one. */
export type Answers = Record<string, number>;

/** Who connects: the address that the other side sees, and the attacker's line and answers. */
export interface Origin {
  readonly address: string;
  readonly line: Line;
  readonly answers: Answers;
}

const WRITE_BYTES = 16 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;

/** One connection. Nothing here throws: a stranger takes what comes. */
export class Connection {
  readonly #socket: net.Socket;
  readonly #origin: Origin;
  readonly #closed: Promise<void>;
  #answered = 0;
  #onAnswer = () => {};
  isOpen = true;

  private constructor(socket: net.Socket, origin: Origin, { reads }: { readonly reads: boolean }) {
    this.#socket = socket;
    this.#origin = origin;
    this.#closed = new Promise((resolve) =>
      socket.once("close", () => {
        this.isOpen = false;
        if (this.#answered === 0) this.#count("closed");
        this.#onAnswer();
        resolve();
      })
    );
    if (reads) socket.on("data", (data) => this.#read(data));
    else socket.pause();
  }

  /** Connects; `null` if that fails. `reads`: whether answers are read at all. */
  static async open(url: string, origin: Origin, { reads = true } = {}): Promise<Connection | null> {
    const { hostname, port } = new URL(url);
    await origin.line.take(100); // about what a handshake takes
    const socket = net.connect({ host: hostname, port: Number(port), localAddress: origin.address });
    socket.on("error", () => {});
    const isConnected = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), CONNECT_TIMEOUT_MS);
      const done = (is: boolean) => () => (clearTimeout(timer), resolve(is));
      socket.once("connect", done(true));
      socket.once("close", done(false));
    });
    if (isConnected) return new Connection(socket, origin, { reads });
    socket.destroy();
    origin.answers["no connection"] = (origin.answers["no connection"] ?? 0) + 1;
    return null;
  }

  /** Sends all of it, as fast as the line allows; false: the other side has closed. */
  async send(...parts: readonly (string | Uint8Array)[]): Promise<boolean> {
    for (const part of parts) {
      const bytes = Buffer.from(part as Uint8Array);
      for (let at = 0; at < bytes.length && this.isOpen; at += WRITE_BYTES) {
        const slice = bytes.subarray(at, at + WRITE_BYTES);
        await this.#origin.line.take(slice.length);
        if (!this.isOpen) break;
        await Promise.race([new Promise((resolve) => this.#socket.write(slice, resolve)), this.#closed]);
      }
    }
    return this.isOpen;
  }

  /** Resolves at the next answer, at the end of the connection, or after so long. */
  async answer(ms = 2_000): Promise<void> {
    if (this.#answered > 0 || !this.isOpen) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onAnswer = () => (clearTimeout(timer), resolve());
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Uint8Array): void {
    const text = new TextDecoder("latin1").decode(data.subarray(0, 4_096));
    for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
      this.#answered++;
      this.#count(status!);
    }
    this.#onAnswer();
  }

  #count(what: string): void {
    this.#origin.answers[what] = (this.#origin.answers[what] ?? 0) + 1;
  }
}
