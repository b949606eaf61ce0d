/** A socket that a test opens, answers and closes by hand. */
import type { PeerSocket } from "../../src/http/mod.ts";

export class FakeSocket implements PeerSocket {
  binaryType = "blob";
  readyState = 0;
  onopen: PeerSocket["onopen"] = null;
  onmessage: PeerSocket["onmessage"] = null;
  onclose: PeerSocket["onclose"] = null;
  onerror: PeerSocket["onerror"] = null;
  readonly sent: (string | Uint8Array)[] = [];
  closedWith: number | undefined | null = null;

  constructor(readonly url = "") {}

  opens(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open") as never);
  }

  gets(data: unknown): void {
    this.onmessage?.(new MessageEvent("message", { data }));
  }

  /** The other side, or the network, ends it. */
  ends(): void {
    this.readyState = 3;
    this.onclose?.(new Event("close") as never);
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 2;
    queueMicrotask(() => this.ends());
  }
}
