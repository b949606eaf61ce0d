/** A member's key on a schedule: one process, one address, two keys for a moment. */
import { assert, assertEquals } from "@std/assert";
import { generateKeyPair, importKeyPair } from "../../src/crypto/mod.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { serve } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import type { KeyRotation, NextKey } from "../../src/runtime/identity/key_rotation.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { approve, proposeRotation } from "../../src/wire/epochs/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, until } from "../node/_epochs.ts";
import { freePorts } from "../tools/ports.ts";
import { approved, req } from "./_over_http.ts";

class Served {
  readonly ports = freePorts(4);
  readonly cluster: ClusterFile = {
    genesis: clusterFile.genesis,
    urls: Object.fromEntries(FOUR.map((name, i) => [name, `http://127.0.0.1:${this.ports[i]}`])),
  };
  readonly all: ServedReplica[] = [];
  readonly events: HostEvent[] = [];
  readonly stores = new Map<string, MemoryStore>();
  made = 0;
  #liar: Deno.HttpServer | null = null;

  url(i: number): string {
    return `http://127.0.0.1:${this.ports[i]}`;
  }

  /** Serves all; `approving` of them approve of rotations, and Dog's key is due. In place of the `liar` somebody approves wrongly. */
  async serve(approving: number, rotation: Partial<KeyRotation> = {}, liar = ""): Promise<this> {
    for (const [i, self] of FOUR.entries()) {
      if (self === liar) {
        const listen = { hostname: "127.0.0.1", port: this.ports[i]!, onListen: () => {} };
        this.#liar = Deno.serve(listen, async (request) => {
          await request.body?.cancel();
          return Response.json({ name: self, signature: "0".repeat(128) });
        });
        continue;
      }
      const store = new MemoryStore();
      this.stores.set(self, store);
      this.all.push(
        await serve({
          cluster: this.cluster,
          self,
          privateKey: keyOf(self).privateKey,
          store,
          port: this.ports[i]!,
          hostname: "127.0.0.1",
          start: "new",
          stopsWhenRemoved: true,
          approvesRotations: i < approving,
          ...(self === "Dog" && {
            observers: [{ onHostEvent: (event) => void this.events.push(event) }],
            keyRotation: {
              everyMs: 86_400_000,
              since: 0,
              prepare: (): NextKey => {
                this.made++;
                return { privateKey: generateKeyPair().privateKey, store: new MemoryStore(), start: "new" };
              },
              onRotated: () => {},
              ...rotation,
            },
          }),
        }),
      );
    }
    return this;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((one) => one.close()));
    await this.#liar?.shutdown();
  }
}

Deno.test("a key that is due is changed by the member itself, under load, at the same address", async () => {
  const rotated: NextKey[] = [];
  const cluster = await new Served().serve(2, { onRotated: (next) => void rotated.push(next) });
  try {
    let [count, isOver] = [0, false];
    const load = (async () => {
      for (let i = 1; !isOver; i++) {
        const [status, text] = await req(cluster.url(1), i, "INCR n");
        assertEquals(status, 200, text);
        count++;
      }
    })();
    await until("the key is rotated", () => rotated.length > 0);
    const dog = cluster.all[3]!;
    assertEquals([dog.epoch.number, dog.isMember, cluster.made], [1, true, 1]);
    assert(dog.epoch.genesis.replicas[3]!.publicKey !== keyOf("Dog").publicKey);
    assertEquals(cluster.events.filter(({ kind }) => kind === "key-rotated" || kind === "departed").length, 1);
    // It answers where it did before, and its vote counts.
    await cluster.all[0]!.close();
    const then = count;
    await until("the cluster goes on without Apple", () => count > then + 5);
    isOver = true;
    await load;
    const [status, text] = await req(cluster.url(3), 1, "GET n", "b");
    assertEquals([status, JSON.parse(text).result], [200, String(count)]);
  } finally {
    await cluster.close();
  }
});

Deno.test("a member that answers with a wrong signature stops no rotation of which a quorum approves", async () => {
  const rotated: NextKey[] = [];
  const cluster = await new Served().serve(3, { onRotated: (next) => void rotated.push(next) }, "Ball");
  try {
    await until("the key is rotated", () => rotated.length > 0);
    assertEquals(cluster.events.filter(({ kind }) => kind === "rotation-failed"), []);
  } finally {
    await cluster.close();
  }
});

Deno.test("with too few members who approve, the present key stays in use, and the event says why", async () => {
  const cluster = await new Served().serve(1);
  try {
    await until("it has failed", () => cluster.events.some(({ kind }) => kind === "rotation-failed"));
    const failed = cluster.events.find((event) => event.kind === "rotation-failed")!;
    assert(
      failed.kind === "rotation-failed" && failed.reason.includes("expected approvals of 3 members, got 2"),
      JSON.stringify(failed),
    );
    assert(failed.reason.includes("--approve-rotations"), failed.reason);
    assertEquals((await req(cluster.url(3), 1, "INCR n"))[0], 200);
    assertEquals(cluster.all[3]!.epoch.number, 0);
  } finally {
    await cluster.close();
  }
});

Deno.test("a key that an earlier process has made is the next one, and is not made again", async () => {
  const next: NextKey = { privateKey: generateKeyPair().privateKey, store: new MemoryStore(), start: "recover" };
  const rotated: NextKey[] = [];
  const cluster = await new Served().serve(3, { next, onRotated: (one) => void rotated.push(one) });
  try {
    await until("the key is rotated", () => rotated.length > 0);
    assertEquals([rotated[0], cluster.made], [next, 0]);
  } finally {
    await cluster.close();
  }
});

/** A cluster whose Dog ends, gets its next key meanwhile, and is started again. `later`: operations in the next epoch before that. */
async function endedBeforeTheSwitch(later: number): Promise<void> {
  const next: NextKey = { privateKey: generateKeyPair().privateKey, store: new MemoryStore(), start: "recover" };
  const cluster = await new Served().serve(0, { since: Date.now() });
  const rotated: NextKey[] = [];
  let count = 0;
  const work = async (more: number) => {
    for (const end = count + more; count < end;) {
      const [status, text] = await req(cluster.url(1), ++count, "INCR n");
      assertEquals(status, 200, text);
    }
  };
  try {
    const { epoch } = cluster.all[0]!;
    await cluster.all.pop()!.close();
    await work(20);
    const { publicKey } = importKeyPair(next.privateKey);
    const replicas = epoch.genesis.replicas.map((member) =>
      member.name === "Dog" ? { name: "Dog", publicKey } : member
    );
    const [status, text] = await req(cluster.url(1), 1, await approved(epoch, { replicas }), "admin");
    assertEquals(status, 200, text);
    await until("the others are there", () => cluster.all.every((one) => one.epoch.number === 1));
    await work(later);
    const dog = await serve({
      cluster: cluster.cluster,
      self: "Dog",
      privateKey: keyOf("Dog").privateKey,
      store: cluster.stores.get("Dog")!.reopen(),
      port: cluster.ports[3]!,
      hostname: "127.0.0.1",
      stopsWhenRemoved: true,
      keyRotation: {
        everyMs: 86_400_000,
        since: Date.now(),
        next,
        prepare: () => next,
        onRotated: (one) => void rotated.push(one),
      },
    });
    cluster.all.push(dog);
    await until("it goes on with the next key", () => rotated.length > 0);
    assertEquals([dog.isMember, dog.epoch.number], [true, 1]);
    const [again, answer] = await req(cluster.url(3), 2, "GET n", "b");
    assertEquals([again, JSON.parse(answer).result], [200, String(count)]);
  } finally {
    await cluster.close();
  }
}

Deno.test("a process that ended when its next key came into force goes on with that one, though the present key was removed", async () => {
  await endedBeforeTheSwitch(0);
});

Deno.test("the next key's replica gets a later state, if the former one lacks that of the epoch's start and the others have dropped it", async () => {
  await endedBeforeTheSwitch(40);
});

Deno.test("a member that has lost its disk, and does not know the agreed time yet, changes its key within a minute all the same", async () => {
  const cluster = await new Served().serve(2, { since: Date.now() });
  const rotated: NextKey[] = [];
  const failed: string[] = [];
  try {
    await cluster.all.pop()!.close();
    for (let i = 1; i <= 20; i++) assertEquals((await req(cluster.url(1), i, "INCR n"))[0], 200);
    const dog = await serve({
      cluster: cluster.cluster,
      self: "Dog",
      privateKey: keyOf("Dog").privateKey,
      store: new MemoryStore(),
      start: "recover",
      port: cluster.ports[3]!,
      hostname: "127.0.0.1",
      observers: [{ onHostEvent: (event) => event.kind === "rotation-failed" && failed.push(event.reason) }],
      keyRotation: {
        everyMs: 86_400_000,
        since: 0,
        prepare: () => ({ privateKey: generateKeyPair().privateKey, store: new MemoryStore(), start: "new" }),
        onRotated: (next) => void rotated.push(next),
      },
    });
    cluster.all.push(dog);
    await until("the key is rotated", () => rotated.length > 0 || failed.length > 0);
    assertEquals([failed, dog.epoch.number], [[], 1]);
  } finally {
    await cluster.close();
  }
});

Deno.test("a member approves of one new key of another member in an hour, and of nothing for a stranger", async () => {
  const cluster = await new Served().serve(1, { since: Date.now() });
  try {
    const { epoch } = cluster.all[0]!;
    const ask = async (body: string, type = "application/json") => {
      const init = { method: "POST", headers: { "content-type": type }, body };
      const response = await fetch(`${cluster.url(0)}/epochs/approvals`, init);
      return [response.status, await response.json()] as const;
    };
    const signed = async (by: string, seed: string) => {
      const signer = createSigner(keyOf(by).privateKey, epoch.cluster, 1);
      return JSON.stringify(
        await approve(epoch, proposeRotation(epoch, by, keyOf(seed).publicKey), { signer, hash: sha256 }),
      );
    };
    const [status, answer] = await ask(await signed("Dog", "first"));
    assertEquals([status, answer.name, answer.signature.length], [200, "Apple", 128]);
    assertEquals((await ask(await signed("Dog", "first")))[0], 200, "the same again");
    const [again, refusal] = await ask(await signed("Dog", "second"));
    assertEquals(again, 403);
    assert(refusal.detail.includes("one new key in 60 minutes"), refusal.detail);
    assertEquals((await ask(await signed("Candy", "third")))[0], 200);
    const stranger = JSON.parse(await signed("Ball", "fourth"));
    assertEquals((await ask(JSON.stringify({ ...stranger, approvals: {} })))[0], 403);
    for (const body of ["", "{", "null", "[]", '{"configuration":1,"approvals":{}}']) {
      assertEquals((await ask(body))[0], 400);
    }
    assertEquals((await ask("{}", "text/plain"))[0], 415);
    assertEquals((await ask("x".repeat(200_000)))[0], 413);
    const other = await fetch(`${cluster.url(1)}/epochs/approvals`, { method: "POST", body: "{}" });
    assertEquals([other.status, (await other.json()).detail], [
      403,
      "this member approves of nothing by itself: ask its operator",
    ]);
  } finally {
    await cluster.close();
  }
});
