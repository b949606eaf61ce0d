import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import type { ClientId, Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import type { Store } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { decodeFrame, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { Random } from "../../src/testing/random.ts";
import { Author, genesisOf, keyPairOf, resultsIn } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

const CHUNK_SIZE = 64;

/** The same machine, with all of its state in memory. */
class Whole implements StateMachine {
  readonly #machine = new KeyValue({ chunkSize: CHUNK_SIZE });
  readonly version = this.#machine.version;
  readonly execute = (operation: Uint8Array) => this.#machine.execute(operation);
  readonly query = (operation: Uint8Array) => this.#machine.query(operation);
  readonly takeChanges = () => this.#machine.takeChanges();
  readonly restore = (...[chunks]: Parameters<StateMachine["restore"]>) => this.#machine.restore(chunks);
}

/** A store that counts what is read, fails as it is told, and lies. */
class WatchedStore implements Store {
  readonly store: MemoryStore;
  blobs = 0;
  failures = 0;
  /** What is given out instead of a blob. */
  lie: ((blob: Uint8Array | null) => Uint8Array | null) | null = null;

  constructor(store: MemoryStore) {
    this.store = store;
  }

  load(): ReturnType<Store["load"]> {
    return this.store.load();
  }

  async read(digests: readonly Digest[]): ReturnType<Store["read"]> {
    this.blobs += digests.length;
    if (this.failures > 0) {
      this.failures--;
      throw new Error("the disk is not in the mood");
    }
    const blobs = await this.store.read(digests);
    const { lie } = this;
    return lie ? blobs.map(lie) : blobs;
  }

  commit(...args: Parameters<Store["commit"]>): ReturnType<Store["commit"]> {
    return this.store.commit(...args);
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

/** A replica alone, which is stopped and started. */
class Host {
  readonly genesis = { ...genesisOf(1), stateMachine: new Whole().version };
  readonly cluster = clusterId(this.genesis);
  readonly ada = new Author(9, this.cluster);
  node!: ReplicaNode;
  store!: WatchedStore;
  #disk = new MemoryStore();
  #timestamp = 0;
  #nonce = 0;
  #starts = 0;

  constructor(
    readonly timer: ManualTimer,
    readonly createMachine: () => StateMachine,
    readonly persistInputs = false,
  ) {}

  async start(): Promise<void> {
    this.#disk = this.#disk.reopen();
    this.store = new WatchedStore(this.#disk);
    const { genesis, timer, store, persistInputs } = this;
    this.node = await ReplicaNode.open({
      self: 0 as ReplicaId,
      genesis,
      store,
      timer,
      persistInputs,
      transport: { deliver: () => Promise.resolve() },
      privateKey: keyPairOf(1).privateKey,
      stateMachine: this.createMachine,
      seed: 1,
      start: this.#starts++ === 0 ? "new" : "resume",
    });
  }

  async restart(): Promise<void> {
    await this.node.close();
    await this.start();
  }

  /** Has operations executed in one batch; without any, opens the session. */
  async execute(operations: readonly string[]): Promise<readonly string[]> {
    const timestamp = operations.length === 0 ? 1 : ++this.#timestamp;
    const session = operations.length === 0 ? 0 : 1;
    const request = this.ada.request({ session, timestamp, lowestUnanswered: timestamp, operations });
    const answer = this.node.submit(this.ada.frame(request));
    await this.timer.idle();
    return resultsIn(await answer);
  }

  async query(operation: string): Promise<string> {
    const client = this.ada.publicKey as ClientId;
    const answer = this.node.query(
      this.ada.frame({ kind: "query", client, nonce: ++this.#nonce, operations: [utf8(operation)] }),
    );
    await this.timer.idle();
    const { message } = decodeFrame(await answer as Uint8Array).signed;
    assert(message.kind === "query-reply");
    return message.results.map(({ status, value }) => `${status} ${fromUtf8(value)}`).join();
  }

  get state(): unknown {
    const { stateRoot, history, lastExecuted } = this.node.status().replica;
    return { stateRoot, history, lastExecuted, halted: this.node.status().halted };
  }
}

const lazyLoading = () => new KeyValue({ chunkSize: CHUNK_SIZE });

function randomOperation(random: Random): string {
  const key = `${random.pick(["user", "u", "order", "ö😀"])}:${random.int(0, 89)}`;
  const value = "x".repeat(random.pick([0, 1, 20, 60, 100]));
  switch (random.int(0, 9)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return `SET ${key} "${value}"`;
    case 4:
    case 5:
    case 6:
      return `DEL ${key}`;
    case 7:
      return `INCR count:${random.int(0, 39)}`;
    case 8:
      return `KEYS ${random.pick(["", "user:1", "o", "nobody"])}`;
    default:
      return `GET ${key}`;
  }
}

Deno.test("a replica with lazy loading, stopped at any time, sends the same messages and has the same state as one that loads everything", async () => {
  let loaded = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const random = new Random(seed);
    const timer = new ManualTimer();
    const [whole, part] = [new Host(timer, () => new Whole()), new Host(timer, lazyLoading, seed % 2 === 0)];
    for (const host of [whole, part]) {
      await host.start();
      await host.execute([]);
    }
    for (let round = 0; round < 120; round++) {
      const grows = random.int(0, 2) === 0 ? 150 : 12;
      const operations = Array.from({ length: 1 + random.int(0, grows - 1) }, () => randomOperation(random));
      assertEquals(await part.execute(operations), await whole.execute(operations), `seed ${seed} round ${round}`);
      assertEquals(part.state, whole.state, `seed ${seed} round ${round}`);
      const asked = random.pick(["KEYS user", "KEYS", `GET user:${random.int(0, 89)}`]);
      assertEquals(await part.query(asked), await whole.query(asked));
      await timer.advance(10);
      if (random.int(0, 2) === 0) {
        loaded += part.store.blobs;
        await part.restart();
      }
      if (random.int(0, 19) === 0) await whole.restart();
    }
    for (const host of [whole, part]) await host.node.close();
  }
  assertGreater(loaded, 1000);
});

async function filled(keys: number): Promise<Host> {
  const host = new Host(new ManualTimer(), lazyLoading);
  await host.start();
  await host.execute([]);
  for (let at = 0; at < keys; at += 500) {
    await host.execute(Array.from({ length: 500 }, (_, i) => `SET user:${at + i} value${at + i}`));
  }
  while ((host.node.status().replica.lastExecuted as number) % 4 !== 0) await host.execute(["SET user:0 value0"]);
  await host.restart();
  return host;
}

Deno.test("a start and an operation read only the data they use, whatever the size of the state", async () => {
  for (const keys of [500, 5_000]) {
    const host = await filled(keys);
    assertEquals(await host.execute([`GET user:${keys - 7}`]), [`ok "value${keys - 7}"`]);
    assertLess(host.store.blobs, 9);
    const before = host.store.blobs;
    assertEquals(await host.execute([`SET user:${keys - 7} again`]), ['ok "OK"']);
    assertEquals(host.store.blobs, before);
    await host.node.close();
  }
});

Deno.test("a listing reads its range only", async () => {
  const host = await filled(5_000);
  const before = host.store.blobs;
  const listed = JSON.parse((await host.query("KEYS user:49")).slice(3));
  assertEquals(listed.keys.length, 111);
  assertLess(host.store.blobs - before, 90);
  await host.node.close();
});

Deno.test("a failed read is retried", async () => {
  const host = await filled(500);
  host.store.failures = 1;
  const answer = host.execute(["GET user:7"]);
  await host.timer.advance(1_000);
  assertEquals(await answer, ['ok "value7"']);
  assertEquals(host.node.status().reloads, 1);
  await host.node.close();
});

Deno.test("a store that returns wrong bytes, or has lost some, stops the replica", async () => {
  for (const lie of [() => null, (blob: Uint8Array | null) => blob!.with(-1, blob!.at(-1)! ^ 1)]) {
    const host = await filled(500);
    host.store.lie = lie;
    const request = host.ada.request({ session: 1, timestamp: 1e6, lowestUnanswered: 1e6, operations: ["GET user:7"] });
    const answer = host.node.submit(host.ada.frame(request));
    await host.timer.idle();
    assertEquals((await answer as { reason: string }).reason, "unavailable");
    assertMatch(host.node.status().halted!, /blob [0-9a-f]{64}: /);
    await host.node.close();
  }
});

Deno.test("when another instance has removed a blob, the replica reloads at that instance's version", async () => {
  const host = await filled(500);
  const stale = host.node;
  const staleStore = host.store;
  await host.start();
  for (let i = 0; i < 13; i++) await host.execute([`SET user:7 new${i}`]);
  await host.node.close();
  host.node = stale;
  const answer = host.query("GET user:7");
  await host.timer.advance(100);
  assertEquals(await answer, 'ok "new12"');
  assertGreater(staleStore.blobs, 0);
  assertEquals(stale.status().halted, undefined);
  await stale.close();
});
