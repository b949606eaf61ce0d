/**
 * The copy of a replica in a drill. Its messages are checked against the same records and votes as those of the replica
 * itself, and no replica in the run receives them.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import type { Input, MessageInput, Outgoing, OutgoingReply, ReplicaStatus } from "../../core/io.ts";
import type {
  Checkpoint,
  Commit,
  MessageKind,
  PrePrepare,
  ReplicaMessage,
  Signed,
  Suspicion,
} from "../../core/messages/messages.ts";
import type { QueryAnswer } from "../../core/messages/queries.ts";
import type { Record, StoredState } from "../../core/records.ts";
import type { Core } from "../../node/durable/task.ts";
import { encodeBatch } from "../../wire/mod.ts";
import type { Report } from "../violation.ts";
import { faultyAmong, quorumOf } from "../invariants/paper.ts";
import { VoteChecker } from "../invariants/vote_checker.ts";
import { SentCommits } from "../invariants/sent_commits.ts";
import { SelfConsistency } from "../invariants/self_consistency.ts";
import type { World } from "../world/world.ts";

/** The parts of a copy. */
export interface CopyOptions {
  readonly world: World;
  readonly replica: ReplicaId;
  readonly storedState: StoredState;
  readonly kept: readonly MessageInput[];
  readonly core: Core;
  readonly now: number;
  readonly report: Report;
}

/** What a copy wants after a while. */
export interface Heard {
  readonly messages: Outgoing[];
  readonly replies: OutgoingReply[];
  readonly answers: QueryAnswer[];
  readonly records: Record[];
  readonly events: ReplicaEvent[];
}

/** It starts with the first input. */
export class Copy {
  readonly self: ReplicaId;
  readonly n: number;
  readonly f: number;
  readonly quorum: number;
  /** L. */
  readonly window: number;
  now: number;
  /** The difference between agreed time and its clock, before. */
  readonly #offset: number;
  /** For each executed number above the low watermark, one of the commits that decided it. */
  readonly decided: Map<number, Commit> = new Map();
  stable: StoredState["stable"];
  /** What it accepted last, by number. */
  readonly accepted: Map<number, PrePrepare> = new Map();
  /** The kinds of messages that it had received before the drill, if its host keeps inputs. */
  readonly kept: ReadonlySet<Input["kind"]>;
  /** The number of the last suspicion of each replica among those. A liar's may be so high that nothing comes after it. */
  readonly suspicionsKept: ReadonlyMap<ReplicaId, number>;
  /** The highest view of a prepare of each replica among those. A liar's may be so high that its prepares of lower views do not count. */
  readonly preparesKept: ReadonlyMap<ReplicaId, number>;
  /** The highest number with a checkpoint among those. Up to there the decisions of the others are settled. */
  readonly settled: number;
  /** The last checkpoint that it has taken. */
  taken: { readonly sequence: number; readonly root: Digest } | null;
  readonly #options: CopyOptions;
  readonly #votes: VoteChecker;
  /** The commits that it received and sent. A decision by these stands, whatever others may have sent. */
  readonly #commits: SentCommits;
  readonly #consistency = new SelfConsistency();
  readonly #ears: Heard[] = [];
  /** The last suspicion or view-change that it sent. */
  suspicion: Suspicion | null = null;
  /** The number that it executed last. */
  #last: number;
  #steps = 0;

  constructor(options: CopyOptions) {
    const { world: { genesis, crypto: { hash } }, replica, storedState, report } = options;
    this.#options = options;
    this.self = replica;
    this.n = genesis.replicas.length;
    this.f = faultyAmong(this.n);
    this.quorum = quorumOf(this.n);
    this.window = genesis.logWindow;
    this.now = options.now;
    this.kept = new Set(options.kept.map(({ kind }) => kind));
    this.suspicionsKept = new Map(options.kept.flatMap(suspicionIn));
    this.preparesKept = preparesIn(options.kept);
    this.settled = Math.max(0, ...options.kept.map(checkpointIn));
    this.stable = storedState.stable;
    this.#last = storedState.checkpoint?.sequence ?? 0;
    this.taken = storedState.checkpoint ?? null;
    this.#commits = new SentCommits(this.n, () => false);
    this.#votes = new VoteChecker({
      measures: {
        n: this.n,
        checkpointInterval: genesis.checkpointInterval,
        logWindow: genesis.logWindow,
        start: 0,
        nullDigest: hash(encodeBatch(0 as Millis, [])),
      },
      maxClockSkewMs: genesis.limits.maxClockSkewMs,
      lastOfEpoch: () => Infinity,
      elapsedMs: () => this.now,
      hash,
      report,
      // The others are simulated, and may send anything.
      isFaulty: (id) => id !== replica,
      commits: this.#commits,
    });
    this.#votes.restored(replica, storedState);
    this.#noteSaid(storedState);
    for (const { prePrepare: { message } } of storedState.accepted) this.accepted.set(message.sequence, message);
    for (const { sequence, commits } of storedState.committed) this.decided.set(sequence, commits[0]!.message);
    this.take({ kind: "start", kept: options.kept });
    this.#offset = storedState.clockOffset ?? 0;
    this.#votes.agreed(this.agreedTime);
    const { lowWatermark: low, highWatermark: high } = this.status;
    if (high !== low + this.window) report("watermarks", `has a window from ${low} to ${high}`);
  }

  /** The latest time that it can take for the agreed time now. */
  get agreedTime(): number {
    return Math.max(this.status.agreedTime, this.now + this.#offset);
  }

  /** Whether it has been started, and nothing else has happened to it. */
  get isFresh(): boolean {
    return this.#steps === 1 && this.now === this.#options.now;
  }

  /** All others. */
  get others(): readonly ReplicaId[] {
    return Array.from({ length: this.n }, (_, id) => id as ReplicaId).filter((id) => id !== this.self);
  }

  get status(): ReplicaStatus {
    return this.#options.core.status();
  }

  /** The fill of its buffers. */
  get buffers(): Buffers | undefined {
    return this.#options.core.buffers?.();
  }

  /** How long it waits before it leaves a view. */
  get timeoutMs(): number {
    const { core, world } = this.#options;
    return core.timers?.().suspectTimeoutMs ?? world.settings.viewTimeoutMs;
  }

  /**
   * How long the peers that it asked for something may still take, perhaps asked by an earlier process. It asks them
   * for nothing else until then.
   */
  get answersDueMs(): number {
    return Math.max(0, (this.#options.core.timers?.().askedUntil ?? 0) - this.now);
  }

  /** One step. */
  take(input: Input): void {
    const { core, world: { crypto }, report } = this.#options;
    if (input.kind === "commit") this.#commits.add(input.commit.message);
    if (input.kind === "decision") {
      for (const { message } of input.decision.message.commits) this.#commits.add(message);
    }
    this.#steps++;
    const ready = core.step(input, Math.floor(this.now) as Millis);
    this.#votes.released(this.self, ready, this.now as Millis);
    for (const record of ready.records) this.#note(record);
    for (const { message: { message, bytes } } of ready.messages) {
      if (!("replica" in message) || message.replica !== this.self) continue;
      if (message.kind === "suspicion") this.suspicion = message;
      this.#consistency.made(message);
      if (message.kind === "new-view") { for (const own of message.prePrepares) this.#consistency.made(own.message); }
      const contradiction = this.#consistency.take(message, bytes, crypto.hash);
      if (contradiction !== null) report("self-consistency", contradiction);
    }
    for (const heard of this.#ears) {
      heard.messages.push(...ready.messages);
      heard.replies.push(...ready.replies);
      heard.answers.push(...ready.answers);
      heard.records.push(...ready.records);
      heard.events.push(...ready.events);
    }
  }

  /** What it wants done meanwhile. */
  during(act: (heard: Heard) => void): Heard {
    const heard: Heard = { messages: [], replies: [], answers: [], records: [], events: [] };
    this.#ears.push(heard);
    act(heard);
    this.#ears.splice(this.#ears.indexOf(heard), 1);
    return heard;
  }

  /** Lets time pass, until then or until `isDone`. Returns how much passed, ms. */
  wait(ms: number, isDone: () => boolean = () => false): number {
    const began = this.now;
    const end = began + ms;
    const grain = this.#options.world.settings.viewTimeoutMs / 4;
    while (this.now < end && !isDone()) {
      const { alarmAt } = this.status;
      const next = alarmAt !== null && alarmAt > this.now ? Math.min(alarmAt, this.now + grain) : this.now + grain;
      this.now = Math.min(end, next);
      this.take({ kind: "alarm" });
    }
    return this.now - began;
  }

  #note(record: Record): void {
    if (record.kind === "committed") {
      const { sequence, commits } = record;
      if (sequence !== this.#last + 1) this.#options.report("order", `executes ${sequence} after ${this.#last}`);
      this.#last = sequence;
      this.decided.set(sequence, commits[0]!.message);
    }
    // A checkpoint in slices is taken when more was executed; one that was fetched is above.
    if (record.kind === "checkpoint" && record.sequence > this.#last) this.#last = record.sequence;
    if (record.kind === "accepted") this.accepted.set(record.prePrepare.message.sequence, record.prePrepare.message);
    if (record.kind === "checkpoint") this.taken = record;
    if (record.kind !== "stable") return;
    this.stable = record.certificate as StoredState["stable"];
    const low = this.stable[0]!.message.sequence;
    for (const sequence of [...this.decided.keys()]) if (sequence <= low) this.decided.delete(sequence);
  }

  /** Messages of its earlier processes bind it. */
  #noteSaid({ accepted, prepared, committed, viewChange, newView }: StoredState): void {
    const { crypto: { hash } } = this.#options.world;
    const say = (message: ReplicaMessage, bytes: Uint8Array = new Uint8Array()) => {
      this.#consistency.made(message);
      this.#consistency.take(message, bytes, hash);
    };
    for (const { prePrepare: { message } } of [...accepted, ...prepared]) {
      if (message.replica === this.self) say(message);
      else say({ ...message, kind: "prepare", replica: this.self });
      say({ ...message, kind: "commit", replica: this.self });
    }
    for (const { commits } of committed) say({ ...commits[0]!.message, replica: this.self });
    if (newView?.message.replica === this.self) say(newView.message, newView.bytes);
    if (viewChange) say(viewChange.message, viewChange.bytes);
  }
}

/** The sender and the number of a suspicion. */
function suspicionIn(input: MessageInput): readonly (readonly [ReplicaId, number])[] {
  return input.kind === "suspicion" ? [[input.suspicion.message.replica, input.suspicion.message.number]] : [];
}

/** The highest view of a prepare of each replica. */
function preparesIn(inputs: readonly MessageInput[]): ReadonlyMap<ReplicaId, number> {
  const views = new Map<ReplicaId, number>();
  for (const input of inputs) {
    if (input.kind !== "prepare") continue;
    const { replica, view } = input.prepare.message;
    views.set(replica, Math.max(view, views.get(replica) ?? 0));
  }
  return views;
}

/** The highest number of a checkpoint in an input. */
function checkpointIn(input: MessageInput): number {
  switch (input.kind) {
    case "checkpoint":
      return input.checkpoint.message.sequence;
    case "stable-checkpoint":
      return highestOf(input.stable.message.checkpoints);
    case "view-change":
      return highestOf(input.viewChange.message.stable);
    default:
      return 0;
  }
}

function highestOf(checkpoints: readonly Signed<Checkpoint>[]): number {
  return Math.max(0, ...checkpoints.map(({ message }) => message.sequence));
}

/** The messages of a kind among those that were sent. */
export function ofKind<K extends MessageKind>(
  { messages }: Heard,
  kind: K,
): readonly { readonly to: Outgoing["to"]; readonly signed: Signed<Extract<ReplicaMessage, { kind: K }>> }[] {
  return messages.filter(({ message }) => message.message.kind === kind).map(({ to, message }) => ({
    to,
    signed: message as unknown as Signed<Extract<ReplicaMessage, { kind: K }>>,
  }));
}
