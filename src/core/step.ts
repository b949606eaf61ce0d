/**
 * One step of a replica: the only place in which its state changes, and what the step wants done.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "./messages/ids.ts";
import type { DiscardReason, ReplicaEvent } from "./events.ts";
import type { ClosedEpoch, Environment, Offer, Outgoing, OutgoingReply, Ready } from "./io.ts";
import type { QueryAnswer } from "./messages/queries.ts";
import type { Record } from "./records.ts";
import type { Batch, MessageKind } from "./messages/messages.ts";
import { maxFaulty, primaryOf, quorum } from "./messages/quorum.ts";
import type { ReplicaState } from "./state.ts";

type StageEvent = Extract<ReplicaEvent, { kind: "stage" }>;

/** One step of a replica: its state, its services, the time, and what the step wants done. */
export class Step {
  readonly n: number;
  readonly f: number;
  readonly quorum: number;
  readonly #records: Record[] = [];
  readonly #messages: Outgoing[] = [];
  readonly #replies: OutgoingReply[] = [];
  readonly #answers: QueryAnswer[] = [];
  readonly #loads: Digest[] = [];
  readonly #offers: Offer[] = [];
  readonly #events: ReplicaEvent[] = [];
  admission: Ready["admission"] = "taken";
  /** A state transfer has ended in this step, so the numbers that were committed meanwhile are executed later in it. */
  hasEndedTransfer = false;
  /** Whether a number was executed in this step. */
  hasExecuted = false;
  /** Set if the epoch is over. */
  closed: ClosedEpoch | null = null;
  /** The sender of the input, if it is a message that replicas send regularly as long as they are up. */
  heardFrom: ReplicaId | null = null;
  /** The replica at whose address nothing listens, if the input says so. */
  refusedBy: ReplicaId | null = null;

  /** `passedMs`: a monotonic clock, ms since some moment in this run; `null` if the host has none. */
  constructor(
    readonly env: Environment,
    readonly state: ReplicaState,
    readonly now: Millis,
    readonly passedMs: number | null = null,
  ) {
    this.n = env.genesis.replicas.length;
    this.f = maxFaulty(this.n);
    this.quorum = quorum(this.n);
  }

  get self(): ReplicaId {
    return this.env.self;
  }

  get primary(): ReplicaId {
    return primaryOf(this.state.view, this.n);
  }

  get isPrimary(): boolean {
    return this.primary === this.self;
  }

  /** Whether the replica knows all that it has sent, so that it may vote. */
  get mayVote(): boolean {
    return this.state.lostDisk === null && this.state.asking === null;
  }

  /** Whether the view has started at this replica. */
  get isActive(): boolean {
    return this.state.view === 0 || this.state.newView !== null;
  }

  /**
   * Whether this replica lags: it is fetching a state, a stable checkpoint is ahead of it, or f + 1 others, so at least
   * one correct one, have executed more.
   */
  get isBehind(): boolean {
    const { transfer, ahead, sealing, status, lastExecuted } = this.state;
    // While its own checkpoint at that number is being taken, it does not lag.
    const isTaking = sealing !== null && ahead?.[0]?.message.sequence === sealing.sequence;
    if (transfer || (ahead && !isTaking)) return true;
    let further = 0;
    for (const executed of status.heard.values()) if (executed > lastExecuted) further++;
    return further > this.f;
  }

  persist(record: Record): void {
    this.#records.push(record);
  }

  send(to: Outgoing["to"], message: Outgoing["message"], batch?: Outgoing["batch"]): void {
    if (this.n === 1 || to === this.self) return;
    this.#messages.push(batch ? { to, message, batch } : { to, message });
  }

  reply(to: OutgoingReply["to"], reply: OutgoingReply["reply"]): void {
    this.#replies.push({ to, reply });
  }

  answer(answer: QueryAnswer): void {
    this.#answers.push(answer);
  }

  /** Sends blobs to a peer that has not requested them but will need them. */
  offer(to: ReplicaId, digests: readonly Digest[]): void {
    this.#offers.push({ to, digests });
  }

  readonly load = (digest: Digest): void => void this.#loads.push(digest);

  event(event: ReplicaEvent): void {
    this.#events.push(event);
  }

  /** Tells observers that a number has reached a stage. */
  stage(stage: StageEvent["stage"], view: View, sequence: SequenceNumber, batch: Batch | null): void {
    const requests = batch?.requests ?? [];
    const operations = requests.reduce((sum, { message }) => sum + message.operations.length, 0);
    this.#events.push({
      kind: "stage",
      stage,
      view,
      sequence,
      requests: requests.length,
      operations,
      bytes: batch?.bytes.length ?? 0,
      ...(this.env.namesRequests && batch && {
        batch: { digest: batch.digest, requests: requests.map(({ digest }) => digest) },
      }),
    });
  }

  discard(message: MessageKind | "blob", from: ReplicaId | ClientId | null, reason: DiscardReason): void {
    this.#events.push({ kind: "discarded", message, from, reason });
  }

  ready(alarmAt: Millis | null): Ready {
    return {
      records: this.#records,
      messages: this.#messages,
      replies: this.#replies,
      answers: this.#answers,
      loads: this.#loads,
      offers: this.#offers,
      alarmAt,
      events: this.#events,
      ...(this.closed && { closed: this.closed }),
      admission: this.admission,
    };
  }
}
