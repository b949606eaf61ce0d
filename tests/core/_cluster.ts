/**
 * Replicas of the pure core in virtual time: a seeded network that loses, doubles and reorders, and stores that keep exactly the
 * records that were emitted. Signatures are not checked here; the gate's tests do that.
 */
import { createHash } from "node:crypto";
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS, DEFAULT_SETTINGS, type Genesis, type Limits, type Settings } from "../../src/core/config.ts";
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Contradiction } from "../../src/core/messages/evidence.ts";
import type { Event } from "../../src/core/events.ts";
import type { Environment, FetchedBlob, Input, Plain, Ready } from "../../src/core/io.ts";
import { NEW_DISK, type Record, type Recovered, type ViewState } from "../../src/core/records.ts";
import type {
  AnyRequest,
  Batch,
  Message,
  ReplicaMessage,
  Reply,
  Result,
  Signed,
  SignedRequest,
  Suspicion,
  Verified,
} from "../../src/core/messages/messages.ts";
import type { Query, SignedQuery } from "../../src/core/messages/queries.ts";
import { weakQuorum } from "../../src/core/messages/quorum.ts";
import { Replica } from "../../src/core/replica.ts";
import { OperationError, type StateMachine } from "../../src/core/state_machine.ts";

/** A small seeded generator of numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

export function pack(value: Plain): Uint8Array {
  return utf8.encode(JSON.stringify(value, (_, v) => v instanceof Uint8Array ? { b: [...v] } : v));
}

export function unpack(bytes: Uint8Array): Plain {
  return JSON.parse(text.decode(bytes), (_, v) => v !== null && Array.isArray(v.b) ? Uint8Array.from(v.b) : v);
}

export function hash(bytes: Uint8Array): Digest {
  return createHash("sha256").update(bytes).digest("hex") as Digest;
}

/** Wraps a message as if it had been signed and had passed the gate. */
export function signed<M extends Message>(message: M): Verified<Signed<M>> {
  return { message, bytes: utf8.encode(JSON.stringify(message)), signature: new Uint8Array(64) } as Verified<Signed<M>>;
}

/** What these say who suspect the primary of the view before. */
export function suspicionsOf(
  view: number,
  replicas: readonly number[],
  executed = 0,
): readonly Verified<Signed<Suspicion>>[] {
  return replicas.map((replica) =>
    signed<Suspicion>({
      kind: "suspicion",
      replica: replica as ReplicaId,
      view: view as View,
      executed: executed as SequenceNumber,
      number: view,
      standing: "suspects",
    })
  );
}

/** A proof that a replica may leave for a view: f + 1 of `n` suspect the primary of the one before. */
export function suspicionsFor(view: number, executed = 0, n = 4): readonly Verified<Signed<Suspicion>>[] {
  return suspicionsOf(view, Array.from({ length: weakQuorum(n) }, (_, replica) => replica), executed);
}

export function signedRequest<R extends AnyRequest>(message: R): Verified<SignedRequest<R>> {
  const bytes = pack(Object.values(message) as Plain[]);
  return { message, bytes, signature: new Uint8Array(64), digest: hash(bytes) } as Verified<SignedRequest<R>>;
}

export function batchOf(timestamp: number, requests: readonly SignedRequest[]): Verified<Batch> {
  const bytes = pack([timestamp, requests.map(({ digest }) => digest)]);
  return { digest: hash(bytes), bytes, timestamp, requests } as unknown as Verified<Batch>;
}

/** Appends each operation's text to a log per key: `key=value`. Shows order and doubling at once. */
export class LogMachine implements StateMachine {
  readonly version = "log/1";
  readonly logs = new Map<string, string[]>();
  readonly #dirty = new Set<string>();

  execute(operation: Uint8Array): Uint8Array {
    const [key, value] = text.decode(operation).split("=");
    if (value === undefined) throw new OperationError("expected key=value");
    if (value === "crash") throw new Error("a bug");
    const log = this.logs.get(key!) ?? [];
    this.logs.set(key!, [...log, value]);
    this.#dirty.add(key!);
    return utf8.encode(String(log.length + 1));
  }

  /** The log of a key. */
  query(operation: Uint8Array): Uint8Array {
    const key = text.decode(operation);
    if (key.includes("=")) throw new OperationError("not a read");
    return utf8.encode(this.logs.get(key)?.join() ?? "");
  }

  takeChanges(): [string, Uint8Array | null][] {
    const changes = [...this.#dirty].sort().map((
      key,
    ): [string, Uint8Array | null] => [key, utf8.encode(this.logs.get(key)!.join())]);
    this.#dirty.clear();
    return changes;
  }

  restore(chunks: Iterable<readonly [string, Uint8Array | null]>): void {
    for (const [key, chunk] of chunks) {
      this.#dirty.delete(key);
      if (chunk === null) this.logs.delete(key);
      else this.logs.set(key, text.decode(chunk).split(","));
    }
  }
}

/** What a store keeps of the records. */
class Disk {
  suspicion?: NonNullable<Recovered["suspicion"]>;
  view: ViewState = { view: 0 as View, viewChange: null, newView: null };
  readonly accepted = new Map<number, Recovered["accepted"][number]>();
  readonly former = new Map<number, NonNullable<Recovered["former"]>>();
  readonly prepared = new Map<number, Recovered["prepared"][number]>();
  /** The bodies that this store still has to have: those that its records name. */
  readonly #bodies = new Map<Digest, Batch>();
  readonly committed = new Map<number, Recovered["committed"][number]>();
  readonly retired = new Map<number, readonly Digest[]>();
  readonly fetched = new Set<Digest>();
  numbers?: number;
  readonly blobs = new Map<Digest, Uint8Array>();
  checkpoint: Recovered["checkpoint"];
  stable: Recovered["stable"] = [];
  lostDisk?: NonNullable<Recovered["lostDisk"]>;
  readonly evidence: Contradiction[] = [];

  write(record: Record): void {
    switch (record.kind) {
      case "view":
        this.view = record;
        break;
      case "suspicion":
        this.suspicion = record;
        break;
      case "former":
        this.former.set(
          record.sequence,
          record.bodies.map(({ view, digest }) => {
            return { sequence: record.sequence, view, batch: this.#bodies.get(digest)! as Verified<Batch> };
          }),
        );
        break;
      case "accepted":
        this.#bodies.set(record.batch.digest, record.batch);
        this.accepted.set(record.prePrepare.message.sequence, record as unknown as Recovered["accepted"][number]);
        break;
      case "prepared":
        this.prepared.set(record.prePrepare.message.sequence, record as unknown as Recovered["prepared"][number]);
        break;
      case "committed": {
        const batch = record.batch ?? this.accepted.get(record.sequence)!.batch;
        assertEquals(batch.digest, record.digest);
        const commits = record.commits as Recovered["committed"][number]["commits"];
        this.committed.set(record.sequence, { sequence: record.sequence, commits, batch: batch as Verified<Batch> });
        break;
      }
      case "checkpoint":
        this.checkpoint = record;
        this.retired.set(record.sequence, record.retired);
        break;
      case "retired":
        this.retired.set(record.sequence, record.digests);
        break;
      case "fetched":
        if (record.digests === null) this.fetched.clear();
        for (const digest of record.digests ?? []) this.fetched.add(digest);
        break;
      case "lost-disk":
        if (record.found === null) delete this.lostDisk;
        else this.lostDisk = record.found;
        break;
      case "numbers":
        this.numbers = record.through;
        break;
      case "contradiction":
        this.evidence.push(record.contradiction);
        break;
      case "stable":
        this.stable = record.certificate as Recovered["stable"];
        break;
      case "blobs":
        for (const [digest, bytes] of record.blobs) this.blobs.set(digest, bytes);
        break;
      case "drop-blobs":
        for (const digest of record.digests) this.blobs.delete(digest);
        for (const sequence of record.checkpoints) this.retired.delete(sequence);
        break;
      case "forget":
        for (const map of [this.accepted, this.former, this.prepared, this.committed]) {
          for (const sequence of [...map.keys()]) if (sequence <= record.through) map.delete(sequence);
        }
        break;
    }
  }

  read(): Recovered {
    const { view, checkpoint, stable, blobs } = this;
    const retired = [...this.retired].map(([sequence, digests]) => ({ sequence: sequence as SequenceNumber, digests }));
    const values = <T>(map: Map<number, T>) => [...map.values()];
    const { accepted, prepared, committed, evidence } = this;
    return {
      ...view,
      accepted: values(accepted),
      former: values(this.former).flat(),
      prepared: values(prepared),
      committed: values(committed),
      retired,
      fetched: [...this.fetched],
      stable,
      evidence,
      blobs,
      ...(checkpoint ? { checkpoint } : {}),
      ...(this.suspicion ? { suspicion: this.suspicion } : {}),
      ...(this.numbers === undefined ? {} : { numbers: this.numbers }),
      ...(this.lostDisk ? { lostDisk: this.lostDisk } : {}),
    };
  }
}

export interface Options {
  readonly n?: number;
  readonly seed?: number;
  /** Probability that a message is lost. */
  readonly loss?: number;
  /** Probability that a message arrives twice. */
  readonly doubling?: number;
  readonly maxLatencyMs?: number;
  /** How long each message takes: a round trip is twice as long. By default it is drawn, up to `maxLatencyMs`. */
  readonly latencyMs?: number;
  readonly checkpointInterval?: number;
  /** By default twice the checkpoint interval. */
  readonly logWindow?: number;
  readonly limits?: Partial<Limits>;
  readonly settings?: Partial<Settings>;
}

export class Host {
  replica: Replica | null = null;
  machine = new LogMachine();
  disk = new Disk();
  alarmAt: number | null = null;
  clockSkewMs = 0;
  constructor(readonly id: ReplicaId) {}
}

type Message_ = ReplicaMessage | AnyRequest;

interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** What is to happen, by time and then in the order in which it was planned: a binary heap. */
class Queue {
  readonly #heap: Due[] = [];

  get nextAt(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = due;
  }

  take(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** n replicas, their network, and what they answered. */
export class Cluster {
  now = 1_000_000;
  readonly random: () => number;
  readonly hosts: readonly Host[];
  readonly genesis: Genesis;
  readonly events: { replica: ReplicaId; event: Event }[] = [];
  /** By request digest, then replica. */
  readonly replies = new Map<Digest, Map<ReplicaId, Reply>>();
  /** What became of queries: `ok value` or a refusal, by query digest, then replica. */
  readonly answers = new Map<Digest, Map<ReplicaId, string>>();
  /** Return false to lose a message on its way. */
  filter: (from: ReplicaId, to: ReplicaId, message: Message_) => boolean = () => true;
  /** What a replica answers a fetch with: change it to have it lie. */
  serves: (from: ReplicaId, blobs: readonly FetchedBlob[]) => readonly FetchedBlob[] = (_from, blobs) => blobs;
  /** Sees every step before its messages are on their way. */
  onStep: (host: Host, input: Input, ready: Ready) => void = () => {};
  readonly executed = new Map<SequenceNumber, string>();
  readonly #settings: Settings;
  readonly #options: Required<Pick<Options, "loss" | "doubling">> & { readonly latencyMs: () => number };
  readonly #queue = new Queue();
  #order = 0;

  constructor(options: Options = {}) {
    const { n = 4, seed = 1, loss = 0, doubling = 0, maxLatencyMs = 5, checkpointInterval = 8 } = options;
    this.random = seededRandom(seed);
    const drawn = () => Math.ceil(this.random() * maxLatencyMs);
    this.#options = { loss, doubling, latencyMs: () => options.latencyMs ?? drawn() };
    this.#settings = { ...DEFAULT_SETTINGS, ...options.settings };
    this.genesis = {
      name: "test",
      replicas: Array.from({ length: n }, (_, i) => ({ name: `r${i}`, publicKey: String(i).padStart(64, "0") })),
      checkpointInterval,
      logWindow: options.logWindow ?? 2 * checkpointInterval,
      stateMachine: "log/1",
      limits: { ...DEFAULT_LIMITS, ...options.limits },
    };
    this.hosts = this.genesis.replicas.map((_, i) => new Host(i as ReplicaId));
    for (const host of this.hosts) this.start(host.id);
  }

  host(id: number): Host {
    return this.hosts[id]!;
  }

  /** Starts a replica from what its store holds. `asks`: it has the others tell it first what it said. */
  start(id: number, asks = false): void {
    const host = this.host(id);
    host.machine = new LogMachine();
    const env: Environment = {
      self: host.id,
      genesis: this.genesis,
      settings: this.#settings,
      stateMachine: host.machine,
      hash,
      sign: signed,
      batch: batchOf,
      pack,
      unpack,
    };
    host.replica = new Replica(env, host.disk.read());
    this.step(id, { kind: "start", asks });
  }

  /** Takes a replica's memory away. */
  crash(id: number): void {
    this.host(id).replica = null;
    this.host(id).alarmAt = null;
  }

  /** Starts it anew, at once. */
  restart(id: number): void {
    this.crash(id);
    this.start(id, true);
  }

  /** Takes a replica's memory and its store away, and starts it again: it knows that it has lost its disk. */
  loseDisk(id: number): void {
    this.crash(id);
    this.host(id).disk = new Disk();
    this.host(id).disk.lostDisk = NEW_DISK;
    this.start(id);
  }

  step(id: number, input: Input): Ready {
    const host = this.host(id);
    const ready = host.replica!.step(input, (this.now + host.clockSkewMs) as Millis);
    this.onStep(host, input, ready);
    for (const record of ready.records) host.disk.write(record);
    for (const event of ready.events) this.#observe(host, event);
    for (const { to, message, batch } of ready.messages) {
      const receivers = to === "all" ? this.hosts.filter((other) => other !== host).map((other) => other.id) : [to];
      for (const receiver of receivers) {
        this.#transmit(host.id, receiver, message.message, () => this.deliver(receiver, message, batch));
      }
    }
    for (const { to, digests } of ready.offers ?? []) this.#serve(host.id, to, digests);
    for (const { reply } of ready.replies) {
      const byReplica = this.replies.get(reply.request) ?? new Map();
      this.replies.set(reply.request, byReplica.set(reply.replica, reply));
    }
    for (const { query, outcome } of ready.answers) {
      const byReplica = this.answers.get(query) ?? new Map();
      this.answers.set(query, byReplica.set(host.id, typeof outcome === "string" ? outcome : show(outcome.result)));
    }
    const { replica } = host;
    const blobs = new Map(ready.loads.map((digest) => [digest, host.disk.blobs.get(digest)!]));
    if (blobs.size > 0) {
      this.#at(this.now, () => void (host.replica === replica && this.step(id, { kind: "loaded", blobs })));
    }
    this.#setAlarm(host, ready.alarmAt === null ? null : ready.alarmAt - host.clockSkewMs);
    return ready;
  }

  /** Hands a signed request to these replicas. */
  submit(request: Verified<SignedRequest>, to: readonly number[] = this.hosts.map(({ id }) => id)): void {
    for (const id of to) if (this.host(id).replica) this.step(id, { kind: "request", request });
  }

  /** Asks these replicas what they have under a key. Gives their answers so far, and more as they come. */
  ask(key: string, to: readonly number[] = this.hosts.map(({ id }) => id)): Map<ReplicaId, string> {
    const nonce = ++this.#order;
    const bytes = pack(["query", nonce, key]);
    const message: Query = { kind: "query", client: "c".repeat(64) as ClientId, nonce, operation: utf8.encode(key) };
    const query = { message, bytes, signature: new Uint8Array(64), digest: hash(bytes) } as Verified<SignedQuery>;
    const answers = new Map<ReplicaId, string>();
    this.answers.set(query.digest, answers);
    for (const id of to) if (this.host(id).replica) this.step(id, { kind: "query", query });
    return answers;
  }

  /** What f + 1 replicas agree on, if they do. */
  accepted(digest: Digest): readonly Result[] | null {
    const votes = new Map<string, Result[][]>();
    for (const { results } of this.replies.get(digest)?.values() ?? []) {
      const key = JSON.stringify(results.map((r) => ({ ...r, value: text.decode(r.value) })));
      votes.set(key, [...votes.get(key) ?? [], [...results]]);
    }
    for (const same of votes.values()) if (same.length >= weakQuorum(this.hosts.length)) return same[0]!;
    return null;
  }

  /** Runs until `done`, or fails after so much virtual time. */
  runUntil(done: () => boolean, limitMs = 60_000, what = "done"): void {
    const limit = this.now + limitMs;
    while (!done()) {
      const next = this.#queue.take();
      assert(next && next.at <= limit, `expected "${what}" within ${limitMs} ms of virtual time`);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
  }

  /** Lets so much virtual time pass. */
  runFor(ms: number): void {
    const end = this.now + ms;
    while (this.#queue.nextAt <= end) {
      const next = this.#queue.take()!;
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }

  /** All live replicas have executed the same, with the same state. */
  assertAlike(): void {
    const live = this.hosts.filter(({ replica }) => replica);
    const highest = Math.max(...live.map(({ replica }) => replica!.status().lastExecuted));
    for (const host of live) {
      assertEquals(host.replica!.status().lastExecuted, highest, `replica ${host.id} has caught up`);
      assertEquals(host.replica!.status().history, live[0]!.replica!.status().history);
      assertEquals(new Map([...host.machine.logs].sort()), new Map([...live[0]!.machine.logs].sort()));
    }
  }

  #observe(host: Host, event: Event): void {
    this.events.push({ replica: host.id, event });
    if (event.kind !== "stage" || event.stage !== "executed") return;
    const history = host.replica!.status().history;
    if (host.replica!.status().lastExecuted !== event.sequence) return; // more were executed in the same step
    const known = this.executed.get(event.sequence);
    assert(known === undefined || known === history, `all executed the same up to ${event.sequence}`);
    this.executed.set(event.sequence, history);
  }

  #transmit(from: ReplicaId, to: ReplicaId, message: Message_, deliver: () => void): void {
    if (!this.filter(from, to, message)) return;
    const copies = this.random() < this.#options.doubling ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.random() < this.#options.loss) continue;
      this.#at(this.now + this.#options.latencyMs(), deliver);
    }
  }

  /** Hands a message to a replica as the gate would, now. */
  deliver(to: number, { message, ...rest }: Signed, batch?: Batch): void {
    const host = this.host(to);
    if (!host.replica) return;
    const whole = { message, ...rest } as never;
    switch (message.kind) {
      case "request":
      case "gateway-request":
        return void this.step(to, { kind: "request", request: whole });
      case "pre-prepare":
        return void this.step(to, {
          kind: "pre-prepare",
          prePrepare: whole,
          ...(batch ? { batch: batch as Verified<Batch> } : {}),
        });
      case "prepare":
        return void this.step(to, { kind: "prepare", prepare: whole });
      case "commit":
        return void this.step(to, { kind: "commit", commit: whole });
      case "decision":
        return void this.step(to, { kind: "decision", decision: whole });
      case "checkpoint":
        return void this.step(to, { kind: "checkpoint", checkpoint: whole });
      case "stable-checkpoint":
        return void this.step(to, { kind: "stable-checkpoint", stable: whole });
      case "suspicion":
        return void this.step(to, { kind: "suspicion", suspicion: whole });
      case "view-change":
        return void this.step(to, { kind: "view-change", viewChange: whole });
      case "new-view":
        return void this.step(to, { kind: "new-view", newView: whole });
      case "status":
        return void this.step(to, { kind: "status", status: whole });
      case "fetch":
        return this.#serve(to, message.replica, message.digests);
    }
  }

  /** What the node does with a fetch: it answers from its store. */
  #serve(from: number, to: ReplicaId, digests: readonly Digest[]): void {
    const { disk, id } = this.host(from);
    const blobs = this.serves(
      id,
      digests.flatMap((digest) => {
        const bytes = disk.blobs.get(digest);
        const named = [...disk.accepted.values(), ...[...disk.former.values()].flat(), ...disk.committed.values()];
        const batch = named.find(({ batch }) => batch.digest === digest)?.batch;
        return bytes ? [{ digest, bytes }] : batch ? [{ digest, bytes: batch.bytes, batch }] : [];
      }),
    );
    const answer = { kind: "blobs" as const, replica: id, blobs: [] };
    this.#transmit(id, to, answer, () => this.host(to).replica && this.step(to, { kind: "blobs", from: id, blobs }));
  }

  #setAlarm(host: Host, at: number | null): void {
    host.alarmAt = at;
    if (at === null) return;
    this.#at(at, () => {
      if (host.replica && host.alarmAt === at) this.step(host.id, { kind: "alarm" });
    });
  }

  #at(at: number, run: () => void): void {
    this.#queue.push({ at, order: this.#order++, run });
  }
}

/** A signed client, as far as the core is concerned. */
export class TestClient {
  readonly id: ClientId;
  session = 0;
  #timestamp = 0;

  constructor(readonly cluster: Cluster, name: number) {
    this.id = name.toString(16).padStart(64, "c") as ClientId;
  }

  request(
    operations: readonly string[],
    fields: Partial<{ session: number; timestamp: number; lowestUnanswered: number }> = {},
  ) {
    const timestamp = fields.timestamp ?? ++this.#timestamp;
    return signedRequest({
      kind: "request",
      client: this.id,
      session: this.session,
      timestamp,
      lowestUnanswered: Math.max(1, timestamp - 8),
      operations: operations.map((operation) => utf8.encode(operation)),
      ...fields,
    });
  }

  /** Opens a session and waits for it. */
  open(): this {
    this.session = Number(
      text.decode(
        this.call([], { session: 0, timestamp: 7_000 + Number(this.cluster.random().toFixed(6)) * 1e6 })[0]!.value,
      ),
    );
    return this;
  }

  /** Submits to all, again and again, until f + 1 replicas agree. */
  call(operations: readonly string[], fields: Parameters<TestClient["request"]>[1] = {}): readonly Result[] {
    const request = this.request(operations, fields);
    this.retry(request);
    return this.cluster.accepted(request.digest)!;
  }

  retry(request: Verified<SignedRequest>): void {
    let next = this.cluster.now;
    this.cluster.runUntil(
      () => {
        if (this.cluster.now >= next) {
          this.cluster.submit(request);
          next = this.cluster.now + 500;
        }
        return this.cluster.accepted(request.digest) !== null;
      },
      120_000,
      `an answer to ${request.message.kind} of ${this.id.slice(-2)}`,
    );
  }
}

/** A result as `status value`. */
export function show({ status, value }: Result): string {
  return `${status} ${text.decode(value)}`;
}
