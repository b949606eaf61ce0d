/**
 * Observes everything that correct replicas send, and checks it against the invariants.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import { type Contradiction, isContradiction } from "../../core/messages/evidence.ts";
import type { Input, Ready } from "../../core/io.ts";
import type { AnyRequest, ClientRequest, Reply, SignedRequest } from "../../core/messages/messages.ts";
import type { StoredState } from "../../core/records.ts";
import { encodeBatch } from "../../wire/mod.ts";
import { AgreedTime } from "../checks/agreed_time.ts";
import type { Decisions } from "../checks/decisions.ts";
import { EPOCH_MS } from "../world/clock.ts";
import type { Coverage } from "../coverage.ts";
import { type Configured, isStateRefused, operationsIn, type Ordered, wordsOfChange } from "../epochs/ordered.ts";
import { KnownRequests } from "../clients/known_requests.ts";
import { ExecutionChecker } from "./execution_checker.ts";
import type { Report } from "../violation.ts";
import type { NullRequests } from "../checks/null_requests.ts";
import { type Execution, Released } from "../world/observed_core.ts";
import type { VoteChecker } from "./vote_checker.ts";
import type { Forms } from "./forms.ts";
import type { HandOvers } from "./steps/hand_overs.ts";
import type { SentMessages } from "./sent_messages.ts";
import { short, type Trace, wordsOf } from "../trace.ts";
import type { WorldBase } from "../world/world_base.ts";
import type { SelfConsistency } from "./self_consistency.ts";

/** How far agreed time may fall behind true time, beside the largest clock skew, ms. */
const SLACK_MS = 15_000;

/** One process of a correct replica, as the checker knows it. */
export interface Observed {
  readonly replica: ReplicaId;
  readonly label: string;
  lastExecuted: SequenceNumber | null;
  /** How many commits its store has made. */
  readonly commitsMade: () => number;
}

/** The checkers that see each step. */
export class InvariantChecker {
  readonly executions: ExecutionChecker;
  readonly requests: KnownRequests;
  readonly handOvers: HandOvers | undefined;
  /** Called when a correct replica has accepted the next configuration, with the operations that it has just executed. */
  onConfigured: (label: string, accepted: Configured, operations: readonly Ordered[]) => void = () => {};
  /** The last number of this epoch, once a correct replica has accepted the configuration that ends it. */
  lastOfEpoch = Infinity;
  /** Where replicas in memory end their windows, perhaps before that is durable and checked. */
  readonly seenEnds = new Set<number>();
  /** Whether no view change is allowed. */
  isCalm = false;
  readonly #decisions: Decisions | undefined;
  readonly #agreedTime: AgreedTime;
  readonly #consistency: SelfConsistency | undefined;
  readonly #sent: SentMessages | undefined;
  readonly #votes: VoteChecker | undefined;
  readonly #nullRequests: NullRequests | undefined;
  readonly #world: WorldBase;
  readonly #report: Report;
  readonly #coverage: Coverage;
  readonly #trace: Trace;
  readonly #faulty = new Set<ReplicaId>();
  readonly #forms: Forms | undefined;

  /** `before`: the checker of the epoch before; `null`: there is none. */
  constructor(world: WorldBase, before: InvariantChecker | null = null) {
    this.#world = world;
    this.#report = world.report;
    this.#coverage = world.coverage;
    this.#trace = world.trace;
    const { genesis, crypto: { hash }, report, steps } = world;
    const isFaulty = (replica: ReplicaId) => this.#faulty.has(replica);
    const nullDigest = hash(encodeBatch(0 as Millis, []));
    this.requests = before?.requests ?? new KnownRequests(hash);
    this.executions = before?.executions ??
      new ExecutionChecker(report, steps?.createExactlyOnce(report, genesis.limits));
    this.#agreedTime = before ? before.#agreedTime : new AgreedTime({
      now: () => EPOCH_MS + world.engine.now,
      slackMs: world.demands.includes("progress-of-time") ? SLACK_MS + genesis.limits.maxClockSkewMs : Infinity,
      report,
    });
    if (!before) this.executions.onOrdered = (...ordered) => this.#agreedTime.ordered(...ordered);
    this.#nullRequests = steps?.createNullRequests(nullDigest);
    this.#decisions = steps?.createDecisions(genesis.replicas.length, report);
    this.handOvers = steps?.createHandOvers(world);
    this.#forms = steps?.createForms(genesis);
    this.#consistency = steps?.createConsistency();
    this.#sent = steps?.createSent(report, isFaulty);
    this.#votes = steps?.createVotes({
      measures: {
        n: genesis.replicas.length,
        checkpointInterval: genesis.checkpointInterval,
        logWindow: genesis.logWindow,
        nullDigest,
        start: world.epoch.start?.sequence ?? 0,
      },
      maxClockSkewMs: genesis.limits.maxClockSkewMs,
      lastOfEpoch: () => this.lastOfEpoch,
      elapsedMs: () => world.engine.now,
      hash,
      report,
      isFaulty,
    });
    if (before !== null && before.#votes) this.#votes?.agreed(before.#votes.agreedNow);
  }

  /** This replica is faulty. Gateway requests that it signs are valid, whatever they ask. */
  distrustReplica(replica: ReplicaId): void {
    this.#faulty.add(replica);
  }

  /** The bodies that a replica's store must contain, by number. */
  owedBodies(replica: ReplicaId): ReadonlyMap<number, ReadonlyMap<Digest, number>> {
    return this.#votes?.memory(replica).owed ?? new Map();
  }

  /** A correct replica is read from its store. */
  restored(replica: ReplicaId, storedState: StoredState): void {
    this.#votes?.restored(replica, storedState);
    for (const committed of storedState.committed) this.executions.stored(replica, committed);
  }

  /** A correct replica has lost its disk. `isOld`: it has an older copy in its place. */
  lostDisk(replica: ReplicaId, isOld: boolean): void {
    this.#votes?.lost(replica, isOld);
  }

  /** A client is refused because its session is gone. */
  refused(request: ClientRequest): void {
    this.executions.refused(request, this.#world.genesis.limits.sessionIdleMs);
  }

  /** A client receives a reply. */
  replied(reply: Reply): void {
    this.#sent?.replied(reply);
  }

  /** A correct replica has made a step. Nothing of it is durable yet. */
  stepped(replica: ReplicaId, input: Input, ready: Ready): void {
    this.#sent?.taken(replica, input);
    this.#sent?.made(ready);
    this.#decisions?.stepped(input);
    for (const event of ready.events) if (event.kind === "configured") this.seenEnds.add(event.closesAt);
    const idle = this.#nullRequests?.stepped(replica, input, ready) ?? null;
    // A replica may learn of the end of its epoch from a state.
    if (idle !== null && this.lastOfEpoch === Infinity) this.#report("calm", `replica ${replica} ${idle}`);
    const { messages } = ready;
    for (const { message: { message } } of messages) {
      if ("replica" in message && message.replica === replica) this.#consistency?.made(message);
      if (message.kind === "new-view") { for (const own of message.prePrepares) this.#consistency?.made(own.message); }
    }
  }

  /** An event of a correct replica, after the commit of the step that caused it. */
  event(observed: Observed, event: ReplicaEvent): void {
    if (event instanceof Released) return this.#released(observed, event);
    const { label, replica } = observed;
    switch (event.kind) {
      case "discarded":
        this.#coverage.count("discard reason", event.reason);
        return this.#coverage.count("discarded", `${event.reason}: ${event.message}`);
      case "suspicion":
        this.#coverage.count("event", "suspicion");
        this.#coverage.count("suspicion", event.why);
        return this.#trace.line(label, () => `speaks of view ${event.view}: ${event.why}`);
      case "view-change":
        this.#coverage.count("event", "view-change");
        this.#coverage.count("view left", event.why);
        if (this.isCalm) this.#report("calm", `${label} leaves for view ${event.view}: ${event.why}`);
        return this.#trace.line(label, () => `leaves for view ${event.view}: ${event.why}`);
      case "new-view":
        this.#coverage.count("event", "new-view");
        return this.#trace.line(label, () => `enters view ${event.view}, ${event.prepared} numbers carried over`);
      case "state-transfer":
        this.#coverage.count("event", `state-transfer ${event.phase}`);
        return this.#trace.line(label, () => `state transfer to ${event.sequence} ${event.phase}`);
      case "checkpoint-taken":
      case "checkpoint-stable":
        this.#coverage.count("event", event.kind);
        return this.executions.checkpoint(replica, event.sequence, event.root);
      case "stage":
        if (event.stage !== "executed") return;
        return this.#trace.line(label, () => `executes ${event.sequence}: ${event.requests} requests`);
      case "recovered":
        this.#coverage.count("event", event.kind);
        return this.#trace.line(label, () => `votes again: ${event.sequence} is stable`);
      case "old-copy":
        if (this.#votes?.memory(replica).isOld) return this.#trace.line(label, () => "its store is an old copy");
        return this.#report("self-consistency", `${label} does not know of its ${event.message} on ${event.sequence}`);
      case "contradiction":
        this.#coverage.count("event", event.kind);
        this.#coverage.count("evidence", event.message);
        return this.#trace.line(label, () => `convicts replica ${event.accused} of two ${event.message}s`);
      case "operation-failed":
        if (isStateRefused(event, this.#world)) this.#report("no-halt", `${label} can't use its state: ${event.error}`);
        return this.#trace.line(label, () => `the state machine failed at ${event.sequence}: ${event.error}`);
      case "configured":
      case "epoch-closed":
      case "migrated":
      case "migration-failed":
      case "version-missing":
        this.#coverage.count("event", event.kind);
        return this.#trace.line(label, () => wordsOfChange(event));
      case "request-received":
        return;
    }
  }

  #released(observed: Observed, { ready, executions, now, after }: Released): void {
    const { replica, label } = observed;
    if (observed.commitsMade() < after) {
      this.#report("write-ahead", `${label} lets out what it has not made durable`);
    }
    this.#sent?.letOut(replica, ready);
    this.#decisions?.letOut(ready);
    const { hash } = this.#world.crypto;
    for (const { message: { message, bytes }, to, batch } of ready.messages) {
      if (this.#trace.isWanted) {
        this.#trace.line(label, () => {
          const whom = to === "all" ? "all" : this.#world.genesis.replicas[to]!.name;
          return `-> ${whom}: ${wordsOf(message, this.#world.genesis)}${
            batch ? ` with ${batch.requests.length} requests` : ""
          }`;
        });
      }
      const own = "replica" in message && message.replica === replica;
      const contradiction = own ? this.#consistency?.take(message, bytes, hash) ?? null : null;
      if (contradiction !== null) this.#report("self-consistency", contradiction);
    }
    for (const { outcome } of ready.answers) {
      this.#coverage.count("query at a replica", typeof outcome === "string" ? outcome : "answered");
    }
    for (const record of ready.records) {
      if (record.kind === "contradiction") this.#judge(label, record.contradiction);
      if (record.kind !== "accepted" && record.kind !== "committed" || !record.batch) continue;
      const { batch } = record;
      this.#agreedTime.seen(batch.digest);
      if (this.executions.batches.has(batch.digest)) continue;
      this.executions.batches.set(batch.digest, batch);
      for (const request of batch.requests as SignedRequest[]) this.requests.seen.set(request.digest, request.message);
    }
    for (const event of ready.events) {
      if (event.kind === "state-transfer" && event.phase === "finished") observed.lastExecuted = event.sequence;
    }
    for (const execution of executions) {
      this.#checkEnd(label, execution);
      this.executions.executed({ by: replica, previous: observed.lastExecuted, isValid: this.#isValid }, execution);
      this.#decisions?.executed(replica, execution.sequence, execution.digest);
      observed.lastExecuted = execution.sequence;
    }
    for (const event of ready.events) {
      if (event.kind === "configured") {
        this.onConfigured(label, event, operationsIn(executions, this.executions.batches));
      }
    }
    for (const { reply } of ready.replies) {
      const request = this.requests.seen.get(reply.request);
      if (request) this.executions.replied(replica, reply, request);
    }
    this.#votes?.released(replica, ready, now);
    // This check comes last, as a flaw in the contents says more.
    const flaw = this.#forms?.flawOf(ready) ?? null;
    if (flaw !== null) this.#report("well-formed", `${label} ${flaw}`);
  }

  readonly #isValid = (request: AnyRequest, digest: Digest): boolean =>
    this.requests.isValid(request, digest, ({ gateway }) => this.#faulty.has(gateway));

  /** Nothing above the number that closes an epoch is executed in it. */
  #checkEnd(label: string, { sequence }: Execution): void {
    if (sequence <= this.lastOfEpoch) return;
    const { number } = this.#world.epoch;
    this.#report("epochs", `${label} executes ${sequence} in epoch ${number}, which is closed by ${this.lastOfEpoch}`);
  }

  /** Evidence must convict its signer for anybody who has the genesis, and its signer must be faulty. */
  #judge(label: string, { first, second }: Contradiction): void {
    const { genesis, crypto, epoch: { context, number } } = this.#world;
    const { replica } = first.message;
    const verifier = crypto.createVerifier(context, number);
    const isSigned = [first, second].every(({ message, bytes, signature }) =>
      verifier.verify(genesis.replicas[replica]!.publicKey, message.kind, bytes, signature)
    );
    if (!isSigned || !isContradiction(first, second)) {
      return this.#report("evidence", `${label} keeps what convicts nobody: ${wordsOf(first.message, genesis)}`);
    }
    if (this.#faulty.has(replica)) return;
    const two = [first, second].map(({ message }) => wordsOf(message, genesis)).join(" and ");
    this.#report("evidence", `${label} convicts ${genesis.replicas[replica]!.name}, who is correct, of ${two}`);
  }

  /** A client was given this result. */
  told(request: Digest, results: Parameters<ExecutionChecker["told"]>[1][]): void {
    for (const result of results) this.executions.told(request, result);
    this.#trace.line("client", () => `is told about ${short(request)}`);
  }
}
