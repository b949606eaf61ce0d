/**
 * Replicas of the pure core in virtual time: a seeded network that loses, doubles and reorders, and stores that keep exactly the
 * records that were emitted. Signatures are not checked here; the gate's tests do that.
 */
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS, DEFAULT_SETTINGS, type Genesis, type Limits, type Settings } from "../../src/core/config.ts";
import { type Epoch, type EpochRules, TEXT_RULES } from "./_epochs.ts";
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { Environment, FetchedBlob, Input, Ready } from "../../src/core/io.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type {
  AnyRequest,
  Batch,
  ReplicaMessage,
  Reply,
  Result,
  Signed,
  SignedRequest,
  Verified,
} from "../../src/core/messages/messages.ts";
import { weakQuorum } from "../../src/core/messages/quorum.ts";
import { equalResults, Tally } from "../../src/core/messages/tally.ts";
import { NEW_RECOVERY } from "../../src/core/records.ts";
import { Replica } from "../../src/core/replica.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { Random } from "../../src/testing/random.ts";
import { EventQueue } from "../../src/testing/world/event_queue.ts";
import type { Migrate, StreamedMigration } from "../../src/core/epochs/migrate.ts";
import { Disk } from "./_disk.ts";
import { LogMachine } from "./_log_machine.ts";
import { batchOf, hash, pack, show, signed, signedQuery, unpack } from "./_messages.ts";

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
  /** Hosts that are no members at first. */
  readonly spares?: number;
  /** How the state becomes that of another version, by host. By default nobody knows. */
  readonly migration?: (host: number, version: string) => Migrate | StreamedMigration | null;
  /** What configures. By default it is text. */
  readonly rules?: (genesis: Genesis) => EpochRules;
  /** The public key of each host at first. */
  readonly publicKeyOf?: (id: number) => string;
  /** Another state machine than the log of each host. */
  readonly machine?: () => StateMachine;
}

export class Host {
  replica: Replica | null = null;
  machine = new LogMachine();
  disk = new Disk();
  alarmAt: number | null = null;
  clockSkewMs = 0;
  /** The epoch that it is in. */
  epoch = 0;
  constructor(readonly id: ReplicaId) {}
}

type Message_ = ReplicaMessage | AnyRequest;

/** n replicas, their network, and what they answered. */
export class Cluster {
  now = 1_000_000;
  readonly random: Random;
  readonly hosts: readonly Host[];
  readonly genesis: Genesis;
  readonly events: { replica: ReplicaId; event: ReplicaEvent }[] = [];
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
  /** All epochs so far. Hosts have the same ids in all of them; replicas have the numbers of their epoch. */
  readonly epochs: Epoch[];
  /** Whether a host goes on to the next epoch as soon as its replica says that the present one is over. */
  follows: (host: Host) => boolean = () => true;
  readonly #rules: EpochRules;
  readonly #settings: Settings;
  readonly #migration: Options["migration"];
  readonly #options: Required<Pick<Options, "loss" | "doubling">> & Pick<Options, "machine"> & {
    readonly latencyMs: () => number;
  };
  readonly #queue = new EventQueue();
  #nonce = 0;

  constructor(options: Options = {}) {
    const { n = 4, seed = 1, loss = 0, doubling = 0, maxLatencyMs = 5, checkpointInterval = 8 } = options;
    this.random = new Random(seed);
    const drawn = () => this.random.int(1, maxLatencyMs);
    this.#options = {
      loss,
      doubling,
      ...options.machine && { machine: options.machine },
      latencyMs: () => options.latencyMs ?? drawn(),
    };
    this.#migration = options.migration;
    this.#settings = { ...DEFAULT_SETTINGS, ...options.settings };
    const publicKeyOf = options.publicKeyOf ?? ((id) => String(id).padStart(64, "0"));
    this.genesis = {
      name: "test",
      replicas: Array.from({ length: n }, (_, i) => ({ name: `r${i}`, publicKey: publicKeyOf(i) })),
      checkpointInterval,
      logWindow: options.logWindow ?? 2 * checkpointInterval,
      stateMachine: "log/1",
      limits: { ...DEFAULT_LIMITS, ...options.limits },
    };
    this.#rules = options.rules?.(this.genesis) ?? TEXT_RULES;
    this.epochs = [{ terms: this.genesis, members: this.genesis.replicas.map((_, i) => i) }];
    this.hosts = Array.from({ length: n + (options.spares ?? 0) }, (_, i) => new Host(i as ReplicaId));
    for (const host of this.hosts.slice(0, n)) this.start(host.id);
  }

  host(id: number): Host {
    return this.hosts[id]!;
  }

  /** Starts a replica from what its store holds. `asks`: it has the others tell it first what it said. */
  start(id: number, asks = false): void {
    const host = this.host(id);
    const epoch = this.epochs[host.epoch]!;
    const { terms, members } = epoch;
    host.machine = new LogMachine(terms.stateMachine);
    const env: Environment = {
      migration: (version) => this.#migration?.(id, version) ?? null,
      createMachine: (version) => new LogMachine(version),
      self: members.indexOf(id) as ReplicaId,
      genesis: terms,
      configure: this.#rules.portOf(epoch),
      settings: this.#settings,
      stateMachine: this.#options.machine?.() ?? host.machine,
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
    this.host(id).disk.lostDisk = NEW_RECOVERY;
    this.start(id);
  }

  step(id: number, input: Input): Ready {
    const host = this.host(id);
    const ready = host.replica!.step(input, (this.now + host.clockSkewMs) as Millis);
    this.onStep(host, input, ready);
    for (const record of ready.records) host.disk.write(record);
    for (const event of ready.events) this.#observe(host, event);
    for (const { to, message, batch } of ready.messages) {
      const { members } = this.epochs[host.epoch]!;
      const receivers = to === "all" ? members.filter((other) => other !== host.id) : [members[to]!];
      const { epoch } = host;
      for (const receiver of receivers as ReplicaId[]) {
        this.#transmit(host.id, receiver, message.message, () => {
          if (this.host(receiver).epoch === epoch) this.deliver(receiver, message, batch);
        });
      }
    }
    for (const { to, digests } of ready.offers ?? []) this.#serve(host.id, this.#hostOf(host, to), digests);
    for (const { reply } of ready.replies) {
      const byReplica = this.replies.get(reply.request) ?? new Map();
      this.replies.set(reply.request, byReplica.set(reply.replica, reply));
    }
    for (const { query, outcome } of ready.answers) {
      const byReplica = this.answers.get(query) ?? new Map();
      this.answers.set(
        query,
        byReplica.set(host.id, typeof outcome === "string" ? outcome : outcome.results.map(show).join(", ")),
      );
    }
    const { replica } = host;
    const blobs = new Map(ready.loads.map((digest) => [digest, host.disk.blobs.get(digest)!]));
    if (blobs.size > 0) {
      this.#queue.push(this.now, () => void (host.replica === replica && this.step(id, { kind: "loaded", blobs })));
    }
    this.#setAlarm(host, ready.alarmAt === null ? null : ready.alarmAt - host.clockSkewMs);
    if (ready.closed && this.follows(host)) this.#queue.push(this.now, () => this.follow(host.id));
    return ready;
  }

  #hostOf({ epoch }: Host, replica: ReplicaId): ReplicaId {
    return this.epochs[epoch]!.members[replica]! as ReplicaId;
  }

  /** A host goes on to the next epoch: at the end of its own, or because somebody has shown it the link. */
  follow(id: number): void {
    const host = this.host(id);
    this.epochs[host.epoch + 1] ??= this.#rules.after(this.epochs[host.epoch]!, host.disk);
    this.crash(id);
    host.epoch++;
    const { start, stateMachine } = this.epochs[host.epoch]!.terms;
    const isMigrated = stateMachine !== this.epochs[host.epoch - 1]!.terms.stateMachine;
    host.disk = host.disk.nextEpoch(isMigrated ? start : undefined);
    if (this.epochs[host.epoch]!.members.includes(id)) this.start(id);
  }

  /** A new member starts in the last epoch with an empty store. */
  join(id: number): void {
    this.host(id).epoch = this.epochs.length - 1;
    this.start(id);
  }

  /** Hands a signed request to these replicas. */
  submit(request: Verified<SignedRequest>, to: readonly number[] = this.hosts.map(({ id }) => id)): void {
    for (const id of to) if (this.host(id).replica) this.step(id, { kind: "request", request });
  }

  /** Asks these replicas what they have under one or more keys. Gives their answers so far, and more as they come. */
  ask(
    keys: string | readonly string[],
    to: readonly number[] = this.hosts.map(({ id }) => id),
  ): Map<ReplicaId, string> {
    const nonce = ++this.#nonce;
    const query = signedQuery(nonce, [keys].flat());
    const answers = new Map<ReplicaId, string>();
    this.answers.set(query.digest, answers);
    for (const id of to) if (this.host(id).replica) this.step(id, { kind: "query", query });
    return answers;
  }

  /** What f + 1 replicas agree on, if they do. */
  accepted(digest: Digest): readonly Result[] | null {
    const tally = new Tally<Reply>((one, other) => equalResults(one.results, other.results));
    for (const reply of this.replies.get(digest)?.values() ?? []) {
      if (tally.add(reply.replica, reply).length >= weakQuorum(this.genesis.replicas.length)) return reply.results;
    }
    return null;
  }

  /** Runs until `done`, or fails after so much virtual time. */
  runUntil(done: () => boolean, limitMs = 60_000, what = "done"): void {
    const limit = this.now + limitMs;
    while (!done()) {
      assert(this.#queue.nextAt <= limit, `expected "${what}" within ${limitMs} ms of virtual time`);
      this.#runNext();
    }
  }

  /** Lets so much virtual time pass. */
  runFor(ms: number): void {
    const end = this.now + ms;
    while (this.#queue.nextAt <= end) this.#runNext();
    this.now = end;
  }

  #runNext(): void {
    this.now = Math.max(this.now, this.#queue.nextAt);
    this.#queue.take()();
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

  #observe(host: Host, event: ReplicaEvent): void {
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
    const copies = this.random.chance(this.#options.doubling) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.random.chance(this.#options.loss)) continue;
      this.#queue.push(this.now + this.#options.latencyMs(), deliver);
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
        return this.#serve(to, this.#hostOf(host, message.replica), message.digests);
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
    const { epoch } = this.host(from);
    const replica = this.epochs[epoch]!.members.indexOf(id) as ReplicaId;
    const answer = { kind: "blobs" as const, replica, blobs: [] };
    this.#transmit(id, to, answer, () => {
      const { replica: receiver, epoch: now } = this.host(to);
      if (receiver && now === epoch) this.step(to, { kind: "blobs", from: replica, blobs });
    });
  }

  #setAlarm(host: Host, at: number | null): void {
    host.alarmAt = at;
    if (at === null) return;
    this.#queue.push(at, () => {
      if (host.replica && host.alarmAt === at) this.step(host.id, { kind: "alarm" });
    });
  }
}
