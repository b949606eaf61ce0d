/**
 * Observes everything that correct replicas send, and checks it against the invariants.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { ReplicaEvent } from "../../core/events.ts";
import { type Contradiction, isContradiction } from "../../core/messages/evidence.ts";
import type { Input, Ready } from "../../core/io.ts";
import type { AnyRequest, ClientRequest, MessageKind, Reply, SignedRequest } from "../../core/messages/messages.ts";
import type { StoredState } from "../../core/records.ts";
import { decodeFrame, encodeBatch, encodeFrame, wireLimits } from "../../wire/mod.ts";
import { AgreedTime } from "../checks/agreed_time.ts";
import { Decisions } from "../checks/decisions.ts";
import { EPOCH_MS } from "../world/clock.ts";
import type { Coverage } from "../coverage.ts";
import { ExecutionChecker } from "./execution_checker.ts";
import type { Report } from "../violation.ts";
import { NullRequests } from "../checks/null_requests.ts";
import { Released } from "../world/observed_core.ts";
import { VoteChecker } from "./vote_checker.ts";
import { SentMessages } from "./sent_messages.ts";
import { SentCommits } from "./sent_commits.ts";
import { short, type Trace, wordsOf } from "../trace.ts";
import type { WorldBase } from "../world/world_base.ts";
import { SelfConsistency } from "./self_consistency.ts";

/** How far agreed time may fall behind true time, beside the largest clock skew, ms. */
const SLACK_MS = 15_000;

/** The kinds of messages whose size depends on what happened. */
const LARGE: readonly MessageKind[] = ["status", "view-change", "new-view", "decision"];

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
  /** Whether no view change is allowed. */
  isCalm = false;
  readonly #decisions: Decisions;
  readonly #agreedTime: AgreedTime;
  readonly #consistency = new SelfConsistency();
  readonly #sent: SentMessages;
  readonly #votes: VoteChecker;
  readonly #nullRequests: NullRequests;
  readonly #world: WorldBase;
  readonly #report: Report;
  readonly #coverage: Coverage;
  readonly #trace: Trace;
  /** Digests of the requests of correct clients and gateways; the requests seen; and the keys of hostile clients. */
  readonly #made = new Set<Digest>();
  readonly #requests = new Map<Digest, AnyRequest>();
  readonly #hostileClients = new Set<string>();
  readonly #faulty = new Set<ReplicaId>();
  readonly #vouched = new Set<string>();
  /** Encoded messages that were found to be well-formed. */
  readonly #formed = new WeakSet<Uint8Array>();

  constructor(world: WorldBase) {
    this.#world = world;
    this.#report = world.report;
    this.#coverage = world.coverage;
    this.#trace = world.trace;
    const { genesis, crypto: { hash }, report } = world;
    const isFaulty = (replica: ReplicaId) => this.#faulty.has(replica);
    const nullDigest = hash(encodeBatch(0 as Millis, []));
    this.#nullRequests = new NullRequests(nullDigest);
    this.executions = new ExecutionChecker(report, (request, digest) => this.#isValid(request, digest), genesis.limits);
    this.#decisions = new Decisions(genesis.replicas.length, report);
    this.#agreedTime = new AgreedTime({
      now: () => EPOCH_MS + world.engine.now,
      slackMs: world.demands.includes("progress-of-time") ? SLACK_MS + genesis.limits.maxClockSkewMs : Infinity,
      report,
    });
    this.executions.onOrdered = (...ordered) => this.#agreedTime.ordered(...ordered);
    this.#sent = new SentMessages(report, isFaulty);
    this.#votes = new VoteChecker({
      measures: {
        n: genesis.replicas.length,
        checkpointInterval: genesis.checkpointInterval,
        logWindow: genesis.logWindow,
        nullDigest,
      },
      maxClockSkewMs: genesis.limits.maxClockSkewMs,
      elapsedMs: () => world.engine.now,
      hash,
      report,
      isFaulty,
      commits: new SentCommits(genesis.replicas.length, isFaulty),
    });
  }

  /** A correct client made this request. */
  made(digest: Digest): void {
    this.#made.add(digest);
  }

  /** A correct unsigned client asked for this operation. */
  asked(name: string, timestamp: number, operation: Uint8Array): void {
    this.#vouched.add(`${name}/${timestamp}/${this.#world.crypto.hash(operation)}`);
  }

  /** The owner of this key is hostile. Requests signed with it are valid, whatever they ask. */
  distrustClient(publicKey: string): void {
    this.#hostileClients.add(publicKey);
  }

  /** This replica is faulty. Gateway requests that it signs are valid, whatever they ask. */
  distrustReplica(replica: ReplicaId): void {
    this.#faulty.add(replica);
  }

  #isValid(request: AnyRequest, digest: Digest): boolean {
    if (request.kind === "request") return this.#made.has(digest) || this.#hostileClients.has(request.client);
    if (this.#faulty.has(request.gateway)) return true;
    return request.operations.every(({ name, timestamp, operation }) =>
      this.#vouched.has(`${name}/${timestamp}/${this.#world.crypto.hash(operation)}`)
    );
  }

  /** The bodies that a replica's store must contain, by number. */
  owedBodies(replica: ReplicaId): ReadonlyMap<number, ReadonlyMap<Digest, number>> {
    return this.#votes.memory(replica).owed;
  }

  /** A correct replica is read from its store. */
  restored(replica: ReplicaId, storedState: StoredState): void {
    this.#votes.restored(replica, storedState);
    for (const committed of storedState.committed) this.executions.stored(replica, committed);
  }

  /** A correct replica has lost its disk. */
  lostDisk(replica: ReplicaId): void {
    this.#votes.lost(replica);
  }

  /** A client is refused because its session is gone. */
  refused(request: ClientRequest): void {
    this.executions.refused(request, this.#world.genesis.limits.sessionIdleMs);
  }

  /** A client receives a reply. */
  replied(reply: Reply): void {
    this.#sent.replied(reply);
  }

  /** A correct replica has made a step. Nothing of it is durable yet. */
  stepped(replica: ReplicaId, input: Input, ready: Ready): void {
    this.#sent.taken(replica, input);
    this.#sent.made(ready);
    this.#decisions.stepped(input, ready);
    const idle = this.#nullRequests.stepped(replica, input, ready);
    if (idle !== null) this.#report("calm", `replica ${replica} ${idle}`);
    const { messages } = ready;
    for (const { message: { message } } of messages) {
      if ("replica" in message && message.replica === replica) this.#consistency.made(message);
      if (message.kind === "new-view") { for (const own of message.prePrepares) this.#consistency.made(own.message); }
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
        this.#coverage.count("event", event.kind);
        return this.executions.checkpoint(replica, event.sequence, event.root);
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
        // Nobody restores old copies in a simulation, so this replica's own records are lost.
        return this.#report("self-consistency", `${label} does not know of its ${event.message} on ${event.sequence}`);
      case "contradiction":
        this.#coverage.count("event", event.kind);
        this.#coverage.count("evidence", event.message);
        return this.#trace.line(label, () => `convicts replica ${event.accused} of two ${event.message}s`);
      case "operation-failed":
        return this.#trace.line(label, () => `the state machine failed at ${event.sequence}: ${event.error}`);
      case "request-received":
        return;
    }
  }

  #released(observed: Observed, { ready, executions, now, after }: Released): void {
    const { replica, label } = observed;
    if (observed.commitsMade() < after) {
      this.#report("write-ahead", `${label} lets out what it has not made durable`);
    }
    this.#sent.letOut(replica, ready);
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
      const contradiction = own ? this.#consistency.take(message, bytes, hash) : null;
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
      for (const request of batch.requests as SignedRequest[]) this.#requests.set(request.digest, request.message);
    }
    for (const event of ready.events) {
      if (event.kind === "state-transfer" && event.phase === "finished") observed.lastExecuted = event.sequence;
    }
    for (const execution of executions) {
      this.executions.executed(replica, execution, observed.lastExecuted);
      this.#decisions.executed(replica, execution.sequence, execution.digest);
      observed.lastExecuted = execution.sequence;
    }
    for (const { reply } of ready.replies) {
      const request = this.#requests.get(reply.request);
      if (request) this.executions.replied(replica, reply, request);
    }
    this.#votes.released(replica, ready, now);
    this.#checkForms(label, ready);
  }

  /** Evidence must convict its signer for anybody who has the genesis, and its signer must be faulty. */
  #judge(label: string, { first, second }: Contradiction): void {
    const { genesis, crypto, cluster } = this.#world;
    const { replica } = first.message;
    const verifier = crypto.createVerifier(cluster);
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

  /** Other replicas must be able to decode it. This check comes last, as a flaw in the contents says more. */
  #checkForms(label: string, { messages }: Ready): void {
    for (const { message: { message, bytes, signature } } of messages) {
      if (!LARGE.includes(message.kind) || this.#formed.has(bytes)) continue;
      this.#formed.add(bytes);
      try {
        decodeFrame(encodeFrame({ message, bytes, signature }), wireLimits(this.#world.genesis));
      } catch (error) {
        const why = error instanceof Error ? error.message : error;
        this.#report("well-formed", `${label} says what nobody takes: ${why}`);
      }
    }
  }

  /** A client was given this result. */
  told(request: Digest, results: Parameters<ExecutionChecker["told"]>[1][]): void {
    for (const result of results) this.executions.told(request, result);
    this.#trace.line("client", () => `is told about ${short(request)}`);
  }
}
