/**
 * Checks the records of each correct replica against its messages: every vote has its record, every certificate its
 * quorum, and each view-change carries what prepared. The check is made when messages are sent, over all processes and
 * isolates of a replica.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type { Ready } from "../../core/io.ts";
import type { Batch, Message, NewView, ViewChange } from "../../core/messages/messages.ts";
import type { Record, StoredState } from "../../core/records.ts";
import { flawOfEntering, flawOfLeaving } from "../checks/leaving.ts";
import type { Report } from "../violation.ts";
import {
  flawOfDecision,
  flawOfPrepared,
  flawOfSenders,
  flawOfStable,
  flawOfSuccession,
  flawOfViewChange,
  type Measures,
} from "./paper.ts";
import type { SentCommits } from "./sent_commits.ts";
import {
  emptyMemory,
  enter,
  leave,
  type Memory,
  noteAccepted,
  noteDecided,
  noteExecuted,
  notePrepared,
  noteRestored,
  noteStable,
  placeOf,
} from "./replica_memory.ts";

/** The options of the check. */
export interface VoteCheckerOptions {
  readonly measures: Measures;
  readonly maxClockSkewMs: number;
  /** The number that closes the epoch; `Infinity` while none is known. */
  readonly lastOfEpoch: () => number;
  /** The time that has passed, on no replica's clock, ms. */
  readonly elapsedMs: () => number;
  readonly hash: (bytes: Uint8Array) => Digest;
  readonly report: Report;
  readonly isFaulty: (replica: ReplicaId) => boolean;
  /** The commits that were sent. */
  readonly commits: SentCommits;
}

/** Everything that binds correct replicas. */
export class VoteChecker {
  readonly #options: VoteCheckerOptions;
  readonly #memories = new Map<ReplicaId, Memory>();
  /** The batch that prepared at each view and number, at any replica. */
  readonly #prepared = new Map<string, Digest>();
  readonly #judged = new Set<Message>();
  /** The highest timestamp that any replica has accepted, and when, on no replica's clock. */
  #agreed = { time: 0, at: 0 };
  /** The times of the batches that were accepted. A decision may name one only by its digest. */
  readonly #times = new Map<Digest, number>();

  constructor(options: VoteCheckerOptions) {
    this.#options = options;
  }

  /** A replica's disk is replaced by an empty or older one, perhaps again before it has recovered from the last time. */
  lost(replica: ReplicaId, isOld: boolean): void {
    const before = this.#memories.get(replica);
    if (!before) return;
    const lost = { recovering: true, recovered: new Set<number>(), isOld: isOld || before.isOld };
    this.#memories.set(replica, { ...this.#empty(before), ...lost });
  }

  /** A replica has been read from its store. The contents count as recorded, even if nobody has heard of them yet. */
  restored(replica: ReplicaId, storedState: StoredState): void {
    const before = this.#memories.get(replica);
    // The records read are outdated if another isolate has ended that recovery meanwhile.
    const recovery = before?.recovered.has(storedState.lostDisk?.challenge ?? 0) ? undefined : storedState.lostDisk;
    if (recovery && !before?.recovering) {
      this.#memories.set(replica, { ...this.#empty(before), recovering: true });
    }
    const memory = this.memory(replica);
    memory.recovering = recovery !== undefined;
    noteRestored(memory, storedState);
    for (const { batch } of storedState.accepted) this.#times.set(batch.digest, batch.timestamp);
    const { viewChange, newView, view } = storedState;
    if (viewChange) leave(memory, viewChange.message.view);
    // Likewise if it has gone on.
    if (newView && view >= memory.view) enter(memory, newView.message);
    if (newView?.message.replica === replica) memory.begun.add(newView.message.view);
    memory.view = Math.max(memory.view, view);
  }

  /** A step's records are as durable as they must be, and its messages are about to leave. */
  released(replica: ReplicaId, { events, records, messages }: Ready, now: Millis): void {
    const memory = this.memory(replica);
    const leaving = { events, from: memory.view, goneTo: (view: View) => this.#goneTo(view, replica) };
    this.#flaw("view-changes", flawOfLeaving(leaving), replica);
    noteDecided(memory, events);
    this.#flaw("write-ahead", flawOfEntering({ events, records }), replica);
    for (const record of records) this.#record(replica, memory, record, now);
    for (const { message: { message } } of messages) {
      if ("replica" in message && message.replica === replica) this.#say(replica, memory, message);
    }
  }

  /** The facts about one replica. */
  memory(replica: ReplicaId): Memory {
    let memory = this.#memories.get(replica);
    if (!memory) this.#memories.set(replica, memory = this.#empty());
    return memory;
  }

  #empty(before?: Memory): Memory {
    return { ...emptyMemory(before), stable: this.#options.measures.start };
  }

  /** How many others can have announced that they left for this view or a higher one. */
  #goneTo(view: View, but: ReplicaId): number {
    let gone = 0;
    for (let id = 0; id < this.#options.measures.n; id++) {
      const replica = id as ReplicaId;
      if (replica === but) continue;
      const left = this.#memories.get(replica)?.highestLeft ?? 0;
      if (this.#options.isFaulty(replica) || left >= view) gone++;
    }
    return gone;
  }

  #record(replica: ReplicaId, memory: Memory, record: Record, now: Millis): void {
    const { measures } = this.#options;
    switch (record.kind) {
      case "view":
        if (record.view < memory.view) {
          const what = `replica ${replica} goes from view ${memory.view} back to ${record.view}`;
          this.#options.report("view-changes", what);
        }
        memory.view = record.view;
        if (record.viewChange) leave(memory, record.viewChange.message.view);
        if (!record.newView) return;
        this.#checkNewView(record.newView.message);
        return enter(memory, record.newView.message);
      case "accepted":
        return this.#accepted(replica, memory, record, now);
      case "prepared": {
        const { message } = record.prePrepare;
        this.#flaw("certificates", flawOfPrepared(record, measures));
        const place = `${message.view}/${message.sequence}`;
        const other = this.#prepared.get(place);
        this.#prepared.set(place, message.digest);
        if (other !== undefined && other !== message.digest) {
          this.#options.report(
            "certificates",
            `two batches have prepared at ${message.sequence} in view ${message.view}`,
          );
        }
        return notePrepared(memory, message);
      }
      case "committed": {
        const { sequence, digest, commits, batch } = record;
        this.#flaw("certificates", flawOfDecision(commits, measures));
        const decided = commits[0]?.message;
        if (decided && (decided.sequence !== sequence || decided.digest !== digest)) {
          this.#options.report("certificates", `replica ${replica} executes at ${sequence} what was not decided there`);
        }
        if (batch) this.#checkBody(replica, batch, digest);
        this.#noteTime(batch?.timestamp ?? this.#times.get(digest) ?? 0);
        return noteExecuted(memory, record);
      }
      case "checkpoint":
        memory.on.checkpoint.add(`${record.sequence}/${record.root}`);
        return;
      case "stable": {
        this.#flaw("certificates", flawOfStable(record.certificate, measures));
        const stable = record.certificate[0]?.message.sequence ?? measures.start;
        if (stable < memory.stable) {
          this.#options.report(
            "watermarks",
            `replica ${replica}'s low watermark falls from ${memory.stable} to ${stable}`,
          );
        }
        return noteStable(memory, stable);
      }
      case "lost-disk":
        if (record.found !== null) {
          if (record.found.challenge > 0) memory.challenges.add(record.found.challenge);
          return;
        }
        memory.recovering = false;
        for (const challenge of memory.challenges) memory.recovered.add(challenge);
        // A copy that was made amid a recovery hides votes. Those that somebody has received are returned, and others contradict nobody.
        if (memory.stable < memory.highestVote && !memory.isOld) {
          this.#options.report(
            "self-consistency",
            `replica ${replica} has lost its disk and votes again at ${memory.stable}, it had voted up to ${memory.highestVote}`,
          );
        }
    }
  }

  /** What a replica takes for the agreed time now. */
  agreed(time: number): void {
    this.#agreed = { time, at: this.#options.elapsedMs() };
  }

  get agreedNow(): number {
    return this.#agreed.time + this.#options.elapsedMs() - this.#agreed.at;
  }

  /** The time of an accepted or decided batch moves the agreed time on. */
  #noteTime(timestamp: number): void {
    if (timestamp > this.agreedNow) this.agreed(timestamp);
  }

  #accepted(
    replica: ReplicaId,
    memory: Memory,
    { prePrepare: { message }, batch }: Extract<Record, { kind: "accepted" }>,
    now: Millis,
  ): void {
    const { measures: { n, logWindow }, maxClockSkewMs } = this.#options;
    const { view, sequence, digest } = message;
    const what = `replica ${replica} accepts ${sequence} in view ${view}`;
    if (message.replica !== view % n) this.#options.report("certificates", `${what} from replica ${message.replica}`);
    if (sequence <= memory.stable || sequence > memory.stable + logWindow) {
      this.#options.report("watermarks", `${what}, its window is ${memory.stable + 1} to ${memory.stable + logWindow}`);
    }
    if (view !== memory.view) this.#options.report("view-changes", `${what}, it is in view ${memory.view}`);
    const carried = memory.carried.get(sequence);
    if (carried !== undefined && carried !== digest) {
      this.#options.report("carry-over", `${what} as ${digest.slice(0, 8)}, the new-view has ${carried.slice(0, 8)}`);
    }
    // A backup uses its clock, or the agreed time and the time passed since. A primary's own proposals may be ahead of
    // that; backups wait.
    const latest = Math.max(now, this.agreedNow) + maxClockSkewMs;
    if (carried === undefined && message.replica !== replica && batch.timestamp > latest) {
      this.#options.report("agreed-time", `${what}, its time is ${batch.timestamp - now} ms ahead of the replica's`);
    }
    this.#times.set(digest, batch.timestamp);
    this.#noteTime(batch.timestamp);
    this.#checkBody(replica, batch, digest);
    noteAccepted(memory, message);
  }

  #checkBody(replica: ReplicaId, { bytes }: Batch, digest: Digest): void {
    if (this.#options.hash(bytes) === digest) return;
    this.#options.report("digests", `replica ${replica} takes for ${digest} a body that has another digest`);
  }

  #checkNewView(newView: NewView): void {
    if (this.#judged.has(newView)) return;
    this.#judged.add(newView);
    const { measures } = this.#options;
    this.#flaw("certificates", flawOfSenders(newView, measures));
    this.#flaw("carry-over", flawOfSuccession(newView, measures));
  }

  #say(replica: ReplicaId, memory: Memory, message: Message): void {
    switch (message.kind) {
      case "pre-prepare":
      case "prepare":
        this.#vote(replica, memory, message.sequence);
        return this.#expect(memory.on.accepted.has(placeOf(message)), replica, message);
      case "commit": {
        this.#vote(replica, memory, message.sequence);
        const isKnown = memory.on.prepared.has(placeOf(message)) ||
          memory.on.committed.has(`${message.sequence}/${message.digest}`);
        this.#expect(isKnown || this.#options.commits.isDecided(message), replica, message);
        return this.#options.commits.add(message);
      }
      case "checkpoint":
        this.#vote(replica, memory, message.sequence);
        return this.#expect(memory.on.checkpoint.has(`${message.sequence}/${message.digest}`), replica, message);
      case "view-change":
        this.#vote(replica, memory, 0 as SequenceNumber);
        this.#expect(memory.left.has(message.view), replica, message);
        return this.#checkViewChange(replica, memory, message);
      case "new-view":
        // A new-view that it sent before it lost its disk is given back to it by the others, and it may send it again.
        if (!memory.begun.has(message.view)) this.#vote(replica, memory, 0 as SequenceNumber);
        memory.begun.add(message.view);
        this.#checkNewView(message);
        return this.#expect(memory.entered.has(message.view), replica, message);
      case "decision":
        // It may have restarted before it could send a commit of its own; this message then contains it.
        for (const { message: commit } of message.commits) this.#options.commits.add(commit);
        return this.#flaw("certificates", flawOfDecision(message.commits, this.#options.measures));
      case "stable-checkpoint":
        return this.#flaw("certificates", flawOfStable(message.checkpoints, this.#options.measures));
    }
  }

  #vote(replica: ReplicaId, memory: Memory, sequence: SequenceNumber): void {
    if (memory.recovering) {
      this.#options.report("self-consistency", `replica ${replica} has lost its disk, and votes before it may`);
    }
    memory.highestVote = Math.max(memory.highestVote, sequence);
  }

  #checkViewChange(replica: ReplicaId, memory: Memory, message: ViewChange): void {
    if (this.#judged.has(message)) return;
    this.#judged.add(message);
    this.#flaw("certificates", flawOfViewChange(message, this.#options.measures));
    const low = message.stable[0]?.message.sequence ?? this.#options.measures.start;
    for (const [sequence, views] of memory.preparedIn) {
      const latest = Math.max(...[...views].filter((view) => view < message.view));
      // What had prepared above the end of the epoch is dropped with it.
      if (sequence <= low || sequence > this.#options.lastOfEpoch() || latest === -Infinity) continue;
      const certificate = message.prepared.find(({ prePrepare }) => prePrepare.message.sequence === sequence);
      if (certificate && certificate.prePrepare.message.view >= latest) continue;
      const instead = certificate ? `the certificate of view ${certificate.prePrepare.message.view}` : "nothing";
      this.#options.report(
        "carry-over",
        `replica ${replica} had ${sequence} prepared in view ${latest}; its view-change for ${message.view} has ${instead}`,
      );
    }
  }

  #expect(isRecorded: boolean, replica: ReplicaId, message: Message): void {
    if (isRecorded) return;
    const at = "sequence" in message ? ` for ${message.sequence}` : "";
    const view = "view" in message ? ` in view ${message.view}` : "";
    this.#options.report("write-ahead", `replica ${replica} says ${message.kind}${at}${view}, which is not on record`);
  }

  #flaw(invariant: Parameters<Report>[0], flaw: string | null, of?: ReplicaId): void {
    if (flaw !== null) this.#options.report(invariant, of === undefined ? flaw : `replica ${of} ${flaw}`);
  }
}
