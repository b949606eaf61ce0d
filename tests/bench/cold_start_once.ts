/**
 * One step of the cold start bench, in a process of its own: writes a store with a state of so many keys, or starts a
 * replica on it for one request and prints what that took as JSON.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import { StateTree } from "../../src/core/tree/state_tree.ts";
import { clusterId, importKeyPair, sha256 } from "../../src/crypto/mod.ts";
import { encodeOperation, KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import type { Store } from "../../src/node/ports.ts";
import { WriteSet } from "../../src/node/storage/record_writer.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import { DenoKvStore } from "../../src/stores/deno_kv.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";
import { fromUtf8, pack } from "../../src/wire/mod.ts";
import { residentBytes } from "./proc.ts";

/** What one cold start took. */
export interface Measured {
  /** From before the store is opened to the answer. */
  readonly ms: number;
  readonly openMs: number;
  /** Calls of the store's `load` and `read`. */
  readonly reads: number;
  readonly blobs: number;
  readonly bytes: number;
  /** The most that the process had in memory, less what it had before. */
  readonly memoryBytes: number;
}

/** A checkpoint of the state, at the first number at which there is one. */
const SEQUENCE = 128 as SequenceNumber;
const BLOBS_PER_COMMIT = 2_000;
const { privateKey, publicKey } = importKeyPair("1".padStart(64, "0"));
const GENESIS: Genesis = {
  name: "cold start",
  replicas: [{ name: "Apple", publicKey }],
  checkpointInterval: SEQUENCE,
  logWindow: 2 * SEQUENCE,
  stateMachine: "key-value/1",
  limits: DEFAULT_LIMITS,
};

function open(kind: string, folder: string): Promise<Store> {
  return kind === "kv" ? DenoKvStore.open(`${folder}/kv`) : SqliteStore.open(`${folder}/replica.db`);
}

/** Writes what a replica that has executed the sets of all these keys has in its store after a checkpoint. */
async function write(store: Store, keys: number): Promise<void> {
  const machine = new KeyValue();
  for (let i = 0; i < keys; i++) {
    machine.execute(encodeOperation({ op: "set", key: `user:${i}`, value: `the value no. ${i}` }));
  }
  const tree = new StateTree({ hash: sha256, pack });
  const chunks = Array.from(machine.takeChanges(), ([id, chunk]) => [`m${id}`, chunk] as const);
  const { root, blobs } = tree.seal(chunks, {
    sequence: SEQUENCE,
    history: "0".repeat(64) as Digest,
    agreedTime: 1 as Millis,
  });
  let version = 0;
  const all = [...blobs];
  for (let at = 0; at < all.length; at += BLOBS_PER_COMMIT) {
    const writes = new WriteSet();
    for (const [digest, bytes] of all.slice(at, at + BLOBS_PER_COMMIT)) writes.putBlob(digest, bytes);
    if (at === 0) {
      writes.put("identity", [clusterId(GENESIS), 0, publicKey]);
      writes.put("checkpoint", [SEQUENCE, root]);
    }
    version = await store.commit(writes, version);
  }
  await store.close();
}

async function start(kind: string, folder: string, keys: number): Promise<Measured> {
  const before = memoryBytes("VmRSS");
  const began = performance.now();
  const store = new CountingStore(await open(kind, folder));
  const node = await ReplicaNode.open({
    self: 0 as ReplicaId,
    genesis: GENESIS,
    store,
    transport: { deliver: () => Promise.resolve() },
    timer: systemTimer(),
    privateKey,
    stateMachine: () => new KeyValue(),
    persistInputs: true,
  });
  const openMs = performance.now() - began;
  const key = `user:${Math.floor(Math.random() * keys)}`;
  const operation = encodeOperation({ op: "get", key });
  const answer = await node.vouch([{ name: "bench", timestamp: Date.now(), operation }]);
  const ms = performance.now() - began;
  if (!("results" in answer)) throw new Error(`expected a result, got ${JSON.stringify(answer)}`);
  const value = fromUtf8(answer.results[0]!.value);
  if (value !== JSON.stringify(`the value no. ${key.slice(5)}`)) throw new Error(`expected its value, got ${value}`);
  const memory = memoryBytes("VmHWM") - before;
  await node.sent();
  await node.close();
  const { reads, blobs, bytes } = store;
  return { ms, openMs, reads, blobs, bytes, memoryBytes: memory };
}

class CountingStore implements Store {
  reads = 0;
  blobs = 0;
  bytes = 0;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async load(): ReturnType<Store["load"]> {
    const loaded = await this.#store.load();
    this.reads++;
    for (const value of loaded.records.values()) this.bytes += value.length;
    return loaded;
  }

  async read(digests: readonly Digest[]): ReturnType<Store["read"]> {
    const blobs = await this.#store.read(digests);
    this.reads++;
    this.blobs += blobs.length;
    for (const blob of blobs) this.bytes += blob?.length ?? 0;
    return blobs;
  }

  commit(...args: Parameters<Store["commit"]>): ReturnType<Store["commit"]> {
    return this.#store.commit(...args);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** Elsewhere than on Linux: what is resident at the end, which is about the same. */
function memoryBytes(field: "VmRSS" | "VmHWM"): number {
  return residentBytes(Deno.pid, field) ?? Deno.memoryUsage().rss;
}

if (import.meta.main) {
  const [what, kind, folder, keys] = Deno.args as [string, string, string, string];
  if (what === "write") await write(await open(kind, folder), Number(keys));
  else console.log(JSON.stringify(await start(kind, folder, Number(keys))));
}
