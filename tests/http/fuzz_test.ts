/**
 * Damaged and invented frames at every route of a replica that is at work. `PBFT_FUZZ_FRAMES` says how many; each is refused or taken, none is a defect,
 * and none stops the replica.
 */
import { assert, assertEquals } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { Message } from "../../src/core/messages/messages.ts";
import { createApp, MEMBER_HEADER, Membership, type ReplicaApp } from "../../src/http/mod.ts";
import type { Transport } from "../../src/node/ports.ts";
import { encodeBundle, encodeFrame, frameKind } from "../../src/wire/mod.ts";
import { Cluster, genesisOf, keyPairOf } from "../node/_cluster.ts";
import { mutate } from "../wire/mutate.ts";
import { ALL_KINDS, Random } from "../wire/random_messages.ts";

const FRAMES = Number(Deno.env.get("PBFT_FUZZ_FRAMES") ?? 100_000);
const BUNDLE = 50;
/** The liar, of which everything is signed as it should be. */
const LIAR = 1;

const FRAME_ROUTES = ["/preprepare", "/prepare", "/commit", "/reply", "/requests", "/queries"];

interface Scene {
  readonly all: Cluster;
  readonly app: ReplicaApp;
  /** Frames that the replicas have sent each other. */
  readonly real: readonly Uint8Array[];
  readonly defects: readonly Error[];
}

/** Four replicas that have worked, changed their view, and caught up. */
async function setUp(): Promise<Scene> {
  const byKind = new Map<string, Uint8Array[]>();
  const keep = (frame: Uint8Array) => {
    const some = byKind.get(frameKind(frame)) ?? [];
    if (some.length < 40) byKind.set(frameKind(frame), [...some, frame]);
  };
  let network: Cluster["network"] | null = null;
  const transportOf = (self: ReplicaId): Transport => ({
    deliver(to, frames, signal) {
      frames.forEach(keep);
      return network!.transportOf(self).deliver(to, frames, signal);
    },
  });
  const opening = Cluster.open({
    node(self) {
      return { transport: transportOf(self) };
    },
  });
  // The first messages are sent while it opens.
  network = { transportOf: () => ({ deliver: () => Promise.reject(new Error("not yet")) }) } as never;
  const all = await opening;
  network = all.network;
  const client = all.author(20);
  keep(client.frame(client.request()));
  const operate = async (count: number) => {
    for (let i = 0; i < count; i++) {
      void all.node(2).vouch([{ name: "ada", timestamp: at++, operation: new TextEncoder().encode("INCR n") }]);
      await all.timer.advance(50);
    }
  };
  let at = 1;
  await operate(6);
  all.network.down.add(0 as ReplicaId);
  await operate(2);
  await all.timer.advance(20_000);
  await operate(6);
  all.network.down.delete(0 as ReplicaId);
  await operate(4);
  await all.timer.advance(20_000);
  const defects: Error[] = [];
  const membership = new Membership({
    genesis: genesisOf(4),
    self: 0 as ReplicaId,
    privateKey: keyPairOf(1).privateKey,
  });
  const app = createApp(all.node(0), {
    timer: all.timer,
    membership,
    onInternalError: (error) => defects.push(error),
  });
  return { all, app, real: [...byKind.values()].flat(), defects };
}

Deno.test(`${FRAMES} damaged and invented frames at the routes cause no internal error, and the replica still serves`, async () => {
  const { all, app, real, defects } = await setUp();
  const random = new Random(14);
  const liar = all.author(LIAR + 1);
  const others = new Membership({ genesis: all.genesis, self: LIAR as ReplicaId, privateKey: keyPairOf(2).privateKey });
  const invented = () => {
    const message = random.message(random.of(ALL_KINDS)) as Message;
    const own = "replica" in message ? { ...message, replica: LIAR as ReplicaId } : message;
    try {
      return liar.frame(own);
    } catch {
      return encodeFrame(random.signed(random.of(ALL_KINDS)));
    }
  };
  const next = () => {
    const kind = random.int(10);
    return kind === 0 ? random.of(real) : kind < 3 ? invented() : mutate(random, random.of(real), real);
  };
  const statuses = new Map<number, number>();
  const send = async (path: string, body: Uint8Array, headers: Record<string, string> = {}) => {
    const init = { method: "POST", headers: { "content-type": "application/cbor", ...headers }, body };
    const answer = Promise.resolve(app.request(path, init as RequestInit));
    let response: Response | undefined;
    void answer.then((it) => response = it);
    for (let i = 0; !response; i++) await (i < 5 ? all.timer.idle() : all.timer.advance(2_000));
    await response.body?.cancel();
    assert(response.status < 500, `${path} answered ${response.status}`);
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  };
  for (let sent = 0; sent < FRAMES;) {
    const path = random.int(8) === 0 ? random.of(FRAME_ROUTES) : "/messages";
    if (path !== "/messages") {
      await send(path, next());
      sent++;
      continue;
    }
    const frames = Array.from({ length: BUNDLE }, next);
    let body: Uint8Array = encodeBundle(all.cluster, frames);
    if (random.int(10) === 0) body = mutate(random, body, real);
    const isMembers = random.int(4) > 0;
    await send(path, body, isMembers ? { [MEMBER_HEADER]: await others.prove(0 as ReplicaId, "deliver", body) } : {});
    sent += BUNDLE;
  }
  assertEquals(defects, []);
  assertEquals(all.node(0).status().halted, undefined);
  assert((statuses.get(202) ?? 0) > 0 && (statuses.get(400) ?? 0) > 0, JSON.stringify([...statuses]));
  const answer = all.node(3).vouch([{ name: "bob", timestamp: 1, operation: new TextEncoder().encode("GET n") }]);
  await all.timer.advance(30_000);
  assertEquals("results" in await answer, true);
  await all.close();
});
