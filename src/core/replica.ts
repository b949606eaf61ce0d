/**
 * A replica of PBFT as a deterministic state machine. Everything that happens to it goes into {@linkcode Replica.step},
 * and everything that it wants done comes out. It has no clock, network or disk.
 * @module
 */
import { passTime } from "./ordering/agreed_time.ts";
import { checkStatus, onStatus, updateStatusPace } from "./upkeep/retransmission.ts";
import { type Buffers, buffersOf } from "./buffers.ts";
import { onCheckpoint, onStableCheckpoint } from "./checkpoints/checkpoint.ts";
import { executeCommitted } from "./ordering/execution.ts";
import type { ClientId, Digest, Millis, View } from "./messages/ids.ts";
import { checkRecovery, onOwnViewChange } from "./recovery/lost_disk.ts";
import { replayKept } from "./ordering/kept_inputs.ts";
import { checkClosed } from "./epochs/configure.ts";
import { onHandOver } from "./views/hand_over.ts";
import { noteStorePace } from "./views/view_timeout.ts";
import type { Environment, Input, PeerMemory, Ready, ReplicaStatus } from "./io.ts";
import type { StoredState, Timers } from "./records.ts";
import { stageOf } from "./ordering/message_log.ts";
import {
  acceptEarly,
  earlyAt,
  onCommit,
  onDecision,
  onPrepare,
  onPrePrepare,
  propose,
} from "./ordering/normal_case.ts";
import { answerQueries, onQuery, queriesAt } from "./upkeep/queries.ts";
import { isUnknownOwnMessage } from "./recovery/own_messages.ts";
import type { Commit, Decision, Prepare } from "./messages/messages.ts";
import { primaryOf } from "./messages/quorum.ts";
import { onRequest } from "./ordering/requests.ts";
import { isSurplus } from "./ordering/surplus.ts";
import { rebuild } from "./recovery/rebuild.ts";
import { followClockRollback } from "./upkeep/clock_rollback.ts";
import { fetchesAt, fetchMissing, noteHeard, onBlobs } from "./checkpoints/fetches.ts";
import { askForLog, logRequestsAt } from "./checkpoints/log_requests.ts";
import { wantedAtStart } from "./checkpoints/state_transfer.ts";
import type { ReplicaState } from "./state.ts";
import { timersOf } from "./upkeep/timers.ts";
import { checkViewTimer, heardBy, viewTimerAt } from "./views/view_timer.ts";
import { carryOver, onNewView, onViewChange } from "./views/view_change.ts";
import type { StableCertificate } from "./messages/certificates.ts";
import { Step } from "./step.ts";
import { rememberPeers } from "./upkeep/own_status.ts";
import { onSuspicion } from "./views/suspicion_messages.ts";
import { onDamagedBlobs } from "./recovery/repair.ts";
import { start } from "./recovery/start.ts";
import { onLoaded } from "./checkpoints/loaded.ts";
import { continueSealing, sliceAt } from "./sealing/sealing.ts";

/** One replica. */
export class Replica {
  readonly #env: Environment;
  readonly #state: ReplicaState;
  #alarmAt: Millis | null = null;

  /** Rebuilds the replica from its store; an empty one gives a new replica. The first step must be `start`. */
  constructor(env: Environment, storedState: StoredState) {
    this.#env = env;
    this.#state = rebuild(env, storedState);
  }

  /**
   * Takes one input at time `now` and returns the host's work, in the order of {@linkcode Ready}. `passedMs`: the
   * host's monotonic clock, if it has one.
   *
   * The phases of a step, in this order:
   *
   * 1. *Time.* If the clock was set back, the noted times move back with it. Then the agreed time advances. All later
   *    phases compare with `now`.
   * 2. *The input.* A vote of this replica that it does not know shows that its store is an old copy; it is not
   *    dispatched. Every other input goes through the one switch, and numbers that it commits are executed there.
   * 3. *What the input made possible.* After a state transfer, the numbers committed meanwhile are executed. If it is
   *    time, a slice of a checkpoint is made. If the window has moved, the numbers of the new-view that it now reaches are taken over. The sender
   *    is noted as heard, after the input was compared with when it was heard before. Early pre-prepares whose time has
   *    come are accepted, before the status, which shows them.
   * 4. *Status.* If the timer is due, the status is sent, after everything that changes it.
   * 5. *Proposing* comes after execution, which makes room in the pipeline. It is left out if more requests came
   *    together with this one.
   * 6. *Recovery* may end here, because the checkpoint that it waits for may have become stable above. Then the replica
   *    votes again, and may suspect its primary in the next phase.
   * 7. *Suspicion* sees all progress of this step before it judges the primary. It may leave the view.
   * 8. *Missing content* is requested: bodies, state and decisions. The status timer runs faster if something is
   *    outstanding.
   * 9. *Queries* read the state that this step has made.
   * 10. *The end of the epoch* is reported once its closing checkpoint is stable.
   * 11. *The alarm* is set to the earliest time at which one of these phases has something to do.
   *
   * @throws {InvariantError} if this replica is broken; it must not be stepped again.
   */
  step(input: Input, now: Millis, passedMs: number | null = null): Ready {
    const step = new Step(this.#env, this.#state, now, passedMs);
    const { low } = this.#state.log;
    followClockRollback(step);
    passTime(step);
    this.#dispatch(step, input);
    if (step.hasEndedTransfer) executeCommitted(step);
    continueSealing(step);
    if (this.#state.log.low > low) carryOver(step);
    if (step.heardFrom !== null) noteHeard(step, step.heardFrom);
    acceptEarly(step);
    checkStatus(step);
    if (input.kind !== "request" || !input.more) propose(step);
    checkRecovery(step);
    checkViewTimer(step);
    updateStatusPace(step);
    fetchMissing(step);
    askForLog(step);
    answerQueries(step);
    checkClosed(step);
    this.#alarmAt = earliest(
      this.#state.status.dueAt,
      earlyAt(step),
      fetchesAt(step),
      logRequestsAt(step),
      viewTimerAt(step),
      queriesAt(step),
      sliceAt(step),
    );
    return step.ready(this.#alarmAt);
  }

  /** The one switch over everything that can happen; goPBFT's `dispatchMsg` and `routeMsg`. */
  #dispatch(step: Step, input: Input): void {
    // Stored inputs come here too: an input that was refused when it came is refused when it is replayed.
    if (isUnknownOwnMessage(step, input)) return;
    switch (input.kind) {
      case "start":
        if (input.peers) rememberPeers(step.state.status, input.peers);
        start(step, input);
        return replayKept(step, input.kept ?? [], (kept) => this.#dispatch(step, kept));
      case "alarm":
        return;
      case "loaded":
        return onLoaded(step, input.blobs);
      case "damaged-blobs":
        return onDamagedBlobs(step, input.digests);
      case "query":
        return onQuery(step, input.query);
      case "request":
        return onRequest(step, input.request);
      case "pre-prepare":
        step.heardFrom = heardBy(step, input.prePrepare.message.replica);
        return onPrePrepare(step, input.prePrepare, input.batch);
      case "prepare":
        step.heardFrom = input.prepare.message.replica;
        return onPrepare(step, input.prepare);
      case "commit":
        step.heardFrom = input.commit.message.replica;
        return onCommit(step, input.commit);
      case "decision":
        noteHeard(step, input.decision.message.replica);
        return onDecision(step, input.decision);
      case "checkpoint":
        noteHeard(step, input.checkpoint.message.replica);
        return onCheckpoint(step, input.checkpoint);
      case "stable-checkpoint":
        noteHeard(step, input.stable.message.replica);
        return onStableCheckpoint(step, input.stable);
      case "suspicion":
        step.heardFrom = input.suspicion.message.replica;
        return onSuspicion(step, input.suspicion);
      case "store-pace":
        return noteStorePace(step, input.commitMs);
      case "refused":
        step.refusedBy = input.peer;
        return;
      case "hand-over":
        return onHandOver(step);
      case "view-change":
        step.heardFrom = input.viewChange.message.replica;
        if (step.heardFrom === step.self) return onOwnViewChange(step, input.viewChange.message.view);
        return onViewChange(step, input.viewChange);
      case "new-view":
        noteHeard(step, input.newView.message.replica);
        return onNewView(step, input.newView);
      case "status":
        return onStatus(step, input.status);
      case "blobs":
        return onBlobs(step, input.from, input.blobs);
    }
  }

  /** Whether this replica still waits for a blob that it has requested by {@linkcode Ready.loads}. */
  isLoading(digest: Digest): boolean {
    return this.#state.loads.has(digest);
  }

  /** Whether a vote, or a proof of a decision, which need not be verified yet, decides nothing any more. */
  isSurplus(vote: Prepare | Commit | Decision): boolean {
    return isSurplus(this.#state, this.#env.genesis.replicas.length, this.#env.self, vote);
  }

  /** The digests of the batch bodies that this replica lacks. */
  missingBodies(): ReadonlySet<Digest> {
    return this.#state.bodies;
  }

  /** Its view, or the one that it is moving to. */
  get view(): View {
    return this.#state.view;
  }

  /** Whether others have executed more than this replica can before it gets the state from them. */
  get isBehind(): boolean {
    return this.#state.transfer !== null || this.#state.ahead !== null;
  }

  /** The agreed time of the last executed batch. */
  get agreedTime(): Millis {
    return this.#state.agreedTime;
  }

  /** The highest timestamp that an unsigned client's name is known to have used; -1 if none is known. */
  highestTimestampOf(name: string): number {
    return this.#state.clients.highestOf(name);
  }

  /** Whether a client has this session open, as far as this replica has executed. */
  hasSession(client: ClientId, session: number): boolean {
    return this.#state.clients.hasSession(client, session);
  }

  /** The certificate of the last stable checkpoint; empty before the first one. */
  get stable(): StableCertificate {
    return this.#state.stable;
  }

  /** As {@linkcode wantedAtStart}. */
  wantedState(): readonly Digest[] {
    return wantedAtStart(this.#env, this.#state);
  }

  /** How full its buffers are. */
  buffers(): Buffers {
    return buffersOf(this.#state);
  }

  /**
   * The timers, for a host that may stop the replica between any two inputs. It stores them together with the
   * unfinished inputs.
   */
  timers(): Timers {
    return timersOf(this.#state);
  }

  /** What this replica knows of its peers, for a core that replaces this one. */
  peers(): PeerMemory {
    return this.#state.status;
  }

  /** The state of this replica in short, for people and for `/status`. */
  status(): ReplicaStatus {
    const s = this.#state;
    return {
      view: s.view,
      primary: primaryOf(s.view, this.#env.genesis.replicas.length),
      active: s.view === 0 || s.newView !== null,
      lastExecuted: s.lastExecuted,
      lowWatermark: s.log.low,
      highWatermark: s.log.high,
      slots: s.log.slots().map((slot) => ({
        sequence: slot.sequence,
        stage: stageOf(slot, s.view),
        prepares: slot.prepares.size,
        commits: slot.commits.size,
      })),
      pendingRequests: s.pending.size,
      sessions: s.clients.sessions,
      names: s.clients.names,
      stateRoot: s.tree.root,
      history: s.history,
      agreedTime: s.agreedTime,
      alarmAt: this.#alarmAt,
      transferring: s.transfer !== null,
      ...(s.unsealed !== null && { unsealed: s.unsealed }),
      ...(s.epochs.lacks !== null && { lacksVersion: s.epochs.lacks }),
      recovering: s.lostDisk !== null,
      ...(s.asking !== null && { isAsking: true as const }),
      evidence: s.evidence.all(),
    };
  }
}

function earliest(...times: readonly (Millis | null)[]): Millis {
  let first = Infinity;
  for (const time of times) if (time !== null && time < first) first = time;
  return first as Millis;
}
