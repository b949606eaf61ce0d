/**
 * What strangers without a member's key try, each for ever. SECURITY.md says for each of them what bounds it.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, View } from "../../src/core/messages/ids.ts";
import type { Message } from "../../src/core/messages/messages.ts";
import { createSigner, generateKeyPair } from "../../src/crypto/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { encodeBatch, encodeBundle, encodeFrame, utf8 } from "../../src/wire/mod.ts";
import { Connection, type Origin } from "./connection.ts";

/** Where an attacker is. */
export interface Scene extends Origin {
  /** Of all replicas. */
  readonly urls: readonly string[];
  readonly cluster: Digest;
  /** Idle connections to each replica. */
  readonly idle: number;
  readonly isOver: () => boolean;
}

const CBOR = "Content-Type: application/cbor";
const JSON_TYPE = "Content-Type: application/json";
const CHUNKED = "Transfer-Encoding: chunked";
const ROUTES = [
  "/messages",
  "/prepare",
  "/requests",
  "/queries",
  "/req",
  "/epochs",
  "/snapshot/blobs",
  "/nowhere",
  "/status",
];
/** Stalled connections of one kind; the oldest gives way. */
const MAX_HELD = 300;

/** Tries at once, where each waits for its answer. */
const AT_ONCE = 4;

/** One attack; it ends soon after `isOver`. */
export type Attack = (scene: Scene) => Promise<void>;

/** All kinds of attack. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "bodies announced, not sent": holding(async (scene, i, host) => {
    const connection = await Connection.open(host, scene);
    const announced = i % 2 === 0 ? "Content-Length: 8388608" : "Content-Length: 1000";
    await connection?.send(head(pick(ROUTES, i), i % 3 === 0 ? JSON_TYPE : CBOR, announced), i % 2 === 0 ? "" : "{");
    return connection;
  }),
  "chunks of one byte": repeating(async (scene, i, host) => {
    const connection = await Connection.open(host, scene);
    await connection?.send(head(pick(ROUTES, i), i % 3 === 0 ? JSON_TYPE : CBOR, CHUNKED));
    const thousand = "1\r\na\r\n".repeat(1_000);
    for (let n = 0; n < 20 && connection?.isOpen; n++) await connection.send(thousand);
    await connection?.send("0\r\n\r\n");
    await connection?.answer();
    connection?.close();
  }),
  "bodies that never end": holding(async (scene, i, host) => {
    const connection = await Connection.open(host, scene);
    await connection?.send(head(pick(ROUTES, i), CBOR, "Content-Length: 8388608"), new Uint8Array(1024 * 1024));
    return connection;
  }),
  "bundles of junk": repeating(async (scene, i, host) => {
    const frames = [
      () => Array.from({ length: 4_096 }, () => Uint8Array.of(0, 1)),
      () => Array.from({ length: 1_000 }, () => random(200)),
      () => Array.from({ length: 200 }, (_, n) => forged(scene.cluster, fetchOf(n))),
    ][i % 3]!();
    await post(scene, host, "/messages", CBOR, encodeBundle(scene.cluster, frames));
  }),
  "upgrades, unfinished messages": holding(async (scene, i, host) => {
    const connection = await Connection.open(host, scene);
    const whole = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const proof = `pbft-member: 1 ${Date.now()} ${"0".repeat(64)} ${"A".repeat(43)}`;
    const headers = [...whole, ...(i % 3 === 0 ? [] : [key]), ...(i % 2 === 0 ? [proof] : [])];
    await connection?.send(["GET /messages HTTP/1.1", `Host: ${new URL(host).host}`, ...headers, "", ""].join("\r\n"));
    // The start of a binary message of 60 MB.
    await connection?.send(Uint8Array.of(0x02, 0xff, 0, 0, 0, 0, 3, 0x93, 0x87, 0, 0, 0, 0, 0), new Uint8Array(4_096));
    return connection;
  }),
  "idle connections": async (scene) => {
    const held: (Connection | null)[] = [];
    for (let i = 0; !scene.isOver(); i = (i + 1) % (scene.idle * scene.urls.length)) {
      if (!held[i]?.isOpen) held[i] = await Connection.open(pick(scene.urls, i), scene);
      // Faster than they are closed, and not so fast that nobody else can connect.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const connection of held) connection?.close();
  },
  "forged messages with much in them": repeating(async (scene, i, host) => {
    const { publicKey, privateKey } = generateKeyPair();
    const signer = createSigner(privateKey, scene.cluster);
    const request = sign(
      signer,
      {
        kind: "request",
        client: publicKey as ClientId,
        session: 0,
        timestamp: 1,
        lowestUnanswered: 0,
        operations: [],
      } as const,
    );
    const timestamp = Date.now() as Millis;
    const batch = encodeBatch(timestamp, Array.from({ length: 256 }, () => request));
    const replica = (i % 4) as ReplicaId;
    const message: Message = i % 2 === 0
      ? { kind: "blobs", replica, blobs: [batch, batch] }
      : { kind: "view-change", replica, view: (i + 1) as View, stable: [], prepared: [], suspicions: [] };
    await post(scene, host, "/messages", CBOR, encodeBundle(scene.cluster, [forged(scene.cluster, message)]));
  }),
  "fresh names and sessions": repeating(async (scene, i, host) => {
    if (i % 2 === 0) {
      const body = JSON.stringify({ clientID: crypto.randomUUID(), operation: "INCR junk" });
      return await post(scene, host, "/req", JSON_TYPE, utf8(body), `X-Forwarded-For: 10.0.${i % 256}.1`);
    }
    const { publicKey, privateKey } = generateKeyPair();
    const request = { session: 0, timestamp: 1, lowestUnanswered: 0, operations: [] };
    const signed = sign(createSigner(privateKey, scene.cluster), {
      kind: "request",
      client: publicKey as ClientId,
      ...request,
    });
    await post(scene, host, "/requests", CBOR, encodeFrame(signed));
  }),
  "costly queries": repeating(async (scene, _, host) => {
    const { publicKey, privateKey } = generateKeyPair();
    const operations = Array.from({ length: 64 }, (_, n) => utf8(`GET shared${n}`));
    const query = { kind: "query", client: publicKey as ClientId, nonce: Date.now(), operations } as const;
    await post(scene, host, "/queries", CBOR, encodeFrame(sign(createSigner(privateKey, scene.cluster), query)));
  }),
  "readers that stall": holding(async (scene, i, host) => {
    const connection = await Connection.open(host, scene, { reads: false });
    const paths = ["/watch?prefix=", "/events", "/events?messages", "/epochs", "/snapshot", "/metrics", "/status"];
    const request = `GET ${pick(paths, i)} HTTP/1.1\r\nHost: ${new URL(host).host}\r\n\r\n`;
    // Many answers on one connection, of which none is taken.
    await connection?.send(request.repeat(i % 2 === 0 ? 1 : 50));
    return connection;
  }),
};

/** One try after another, a few at once, at each replica in turn. */
function repeating(attempt: (scene: Scene, i: number, host: string) => Promise<void>): Attack {
  return async (scene) => {
    let next = 0;
    const work = async () => {
      for (let i = next++; !scene.isOver(); i = next++) await attempt(scene, i, pick(scene.urls, i));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  };
}

/** The same, with connections that stay open. */
function holding(attempt: (scene: Scene, i: number, host: string) => Promise<Connection | null>): Attack {
  return async (scene) => {
    const held: (Connection | null)[] = [];
    for (let i = 0; !scene.isOver(); i++) {
      held.push(await attempt(scene, i, pick(scene.urls, i)));
      if (held.length > MAX_HELD) held.shift()?.close();
    }
    for (const connection of held) connection?.close();
  };
}

async function post(scene: Scene, host: string, path: string, type: string, body: Uint8Array, ...more: string[]) {
  const connection = await Connection.open(host, scene);
  await connection?.send(head(path, type, `Content-Length: ${body.length}`, ...more), body);
  await connection?.answer();
  connection?.close();
}

function head(path: string, ...headers: readonly string[]): string {
  return [`POST ${path} HTTP/1.1`, "Host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}

/** Signed with a key that is no member's. */
function forged(cluster: Digest, message: Message): Uint8Array {
  return encodeFrame(sign(createSigner(generateKeyPair().privateKey, cluster), message));
}

function fetchOf(number: number): Message {
  return { kind: "fetch", replica: 0 as ReplicaId, number, digests: ["0".repeat(64) as Digest] };
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function pick<T>(list: readonly T[], i: number): T {
  return list[i % list.length]!;
}
