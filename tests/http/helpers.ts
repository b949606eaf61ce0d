/** Requests and checks that the tests of the routes share. */
import { assertEquals } from "@std/assert";
import { type AppOptions, createApp, type ReplicaApp } from "../../src/http/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { FakeNode } from "./fake_node.ts";

export interface Harness {
  readonly node: FakeNode;
  readonly timer: ManualTimer;
  readonly app: ReplicaApp;
}

export function harness(options: Partial<AppOptions> = {}): Harness {
  const node = new FakeNode();
  const timer = new ManualTimer();
  return { node, timer, app: createApp(node, { timer, ...options }) };
}

export function post(app: ReplicaApp, path: string, body: BodyInit, type = "application/cbor"): Promise<Response> {
  return Promise.resolve(app.request(path, { method: "POST", headers: { "content-type": type }, body }));
}

export function postJson(app: ReplicaApp, path: string, body: unknown): Promise<Response> {
  return post(app, path, typeof body === "string" ? body : JSON.stringify(body), "application/json");
}

/** Checks that a response is a problem as RFC 9457 has it, and gives its object. */
export async function problemOf(response: Response, status: number, kind: string): Promise<Record<string, unknown>> {
  const problem = await response.json();
  assertEquals([response.status, problem.type], [status, `urn:problem-type:pbft:${kind}`]);
  assertEquals(response.headers.get("content-type"), "application/problem+json");
  assertEquals(problem.status, status);
  assertEquals([typeof problem.title, typeof problem.detail], ["string", "string"]);
  return problem;
}

/** A body without content-length, as chunks; tells how many were read, and whether it was cancelled. */
export function chunked(chunks: number, chunkBytes: number) {
  const state = { read: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (state.read === chunks) return controller.close();
      state.read++;
      controller.enqueue(new Uint8Array(chunkBytes));
    },
    cancel() {
      state.cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { stream, state };
}
