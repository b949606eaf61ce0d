/**
 * The normal case (PBFT §4.2): request, pre-prepare, prepare, commit. goPBFT's `resolveMsg`.
 * @module
 */
import { ceiling, compareTime, mayFollow, proposalTime, reachedAt, watchProgress } from "./agreed_time.ts";
import { mustFill } from "../epochs/configure.ts";
import { executeCommitted } from "./execution.ts";
import { askForBody } from "./bodies.ts";
import { bodyOf, dropFormer, keepFormer } from "./former_bodies.ts";
import { type Digest, type Millis, sequenceNumber, type View } from "../messages/ids.ts";
import { isAwaited, isHeldBack, matchingCommits, matchingPrepares, type Slot } from "./message_log.ts";
import type { Batch, Commit, Decision, Prepare, PrePrepare, Signed, Verified } from "../messages/messages.ts";
import { measureRound } from "../views/view_timeout.ts";
import { stableSequence } from "../messages/certificates.ts";
import { primaryOf } from "../messages/quorum.ts";
import type { Environment } from "../io.ts";
import { isHalfFull, takeBatch } from "./pending_requests.ts";
import { compare } from "../upkeep/contradictions.ts";
import type { Step } from "../step.ts";
import { resetStatusPace } from "../upkeep/timers.ts";
import type { DiscardReason } from "../events.ts";

/** The most batches that are under way at the end of an epoch, so that no step is long. The default K is 32. */
const CLOSING_DEPTH = 64;

/**
 * As primary: gives pending requests the next numbers, while the pipeline and the watermarks have room. A batch costs
 * about the same however full it is, so while one is under way the next is proposed only if it is at least half full.
 */
export function propose(step: Step): void {
  const { state, env } = step;
  if (!step.isPrimary || !step.isActive || !step.mayVote || state.transfer) return;
  // Up to a stable checkpoint all numbers are decided. A primary that does not know of its own proposals there has an old copy of its store.
  if (stableSequence(state.ahead ?? []) > state.lastProposed) return;
  while (state.lastProposed - state.lastExecuted < depthOf(step) && state.lastProposed < state.log.high) {
    const isFilling = state.lastProposed < state.filling.through || mustFill(state);
    if (state.lastProposed > state.lastExecuted && !nextIsHalfFull(step) && !isFilling) return;
    const requests = takeBatch(state.pending, env.genesis.limits);
    if (requests.length === 0 && !isFilling) return;
    const batch = requests.length > 0 ? env.batch(proposalTime(step), requests) : nullBatch(env);
    state.lastProposed = sequenceNumber(state.lastProposed + 1);
    const prePrepare = env.sign<PrePrepare>({
      kind: "pre-prepare",
      replica: step.self,
      view: state.view,
      sequence: state.lastProposed,
      digest: batch.digest,
    });
    accept(step, state.log.slot(state.lastProposed), prePrepare, batch);
    step.send("all", prePrepare, batch);
  }
}

/**
 * How many batches may be under way. At the end of an epoch all waits for the last number, so the rest is proposed at once,
 * and not a pipeline after another.
 */
function depthOf({ state, env: { settings } }: Step): number {
  return mustFill(state) ? Math.max(settings.pipelineDepth, CLOSING_DEPTH) : settings.pipelineDepth;
}

/** The batch of a null request: no requests, timestamp 0. */
export function nullBatch(env: Pick<Environment, "batch">): Batch {
  return env.batch(0 as Millis, []);
}

function nextIsHalfFull(step: Step): boolean {
  const { unproposed, unproposedBytes } = step.state.pending;
  return isHalfFull(step.env.genesis.limits, unproposed, unproposedBytes);
}

/** A pre-prepare arrives. It is accepted unless its primary has given the number to another batch in this view. */
export function onPrePrepare(step: Step, prePrepare: Verified<Signed<PrePrepare>>, batch?: Verified<Batch>): void {
  const { state } = step;
  const { replica, view, sequence } = prePrepare.message;
  const discard = (reason: DiscardReason) => step.discard("pre-prepare", replica, reason);
  if (!state.log.isWithin(sequence)) return discard("outside-watermarks");
  if (view !== state.view || !step.isActive) {
    if (view > state.view) resetStatusPace(step); // the others may be in a later view: this replica's status makes them say so
    return discard("other-view");
  }
  if (replica !== step.primary) return discard("not-the-primary");
  const slot = state.log.slot(sequence);
  const accepted = slot.prePrepare?.message.view === view ? slot.prePrepare : null;
  const waiting = slot.waiting?.prePrepare.message.view === view ? slot.waiting : null;
  const known = accepted ?? waiting?.prePrepare;
  if (compare(step, known, prePrepare)) return discard("conflicting");
  if (sequence <= state.lastExecuted) return discard("already-executed");
  if (accepted || waiting?.batch || (waiting && !batch)) return discard("duplicate");
  slot.waiting = {
    prePrepare,
    batch: batch ?? bodyOf(slot, prePrepare.message.digest),
    carried: waiting?.carried ?? false,
  };
  acceptWaiting(step, slot);
}

/** Accepts the waiting pre-prepare of a slot, if its body is there and its timestamp is not above the ceiling, or the others vouch for it. */
export function acceptWaiting(step: Step, slot: Slot): void {
  // The number may have become stable while earlier slots were accepted.
  if (!slot.waiting || !step.state.log.isWithin(slot.sequence)) return;
  const { prePrepare, batch, carried } = slot.waiting;
  if (!batch) return askForBody(step, prePrepare.message.digest);
  // A body is not waited for if another batch was decided.
  const isOverruled = slot.committed !== null && slot.committed !== batch.digest;
  if (!carried && batch.timestamp > ceiling(step) && !mayFollow(step, slot)) {
    return void (isOverruled || step.state.early.add(slot.sequence));
  }
  if (!step.mayVote) return;
  slot.waiting = null;
  if (prePrepare.message.view !== step.state.view) return;
  if (!carried) {
    watchProgress(step, slot.sequence, batch);
    compareTime(step, batch);
  }
  step.state.early.delete(slot.sequence);
  accept(step, slot, prePrepare, batch);
}

/** Accepts the early pre-prepares whose timestamp the ceiling has reached. */
export function acceptEarly(step: Step): void {
  if (step.now < (earlyAt(step) ?? Infinity)) return;
  const early = [...step.state.early].sort((a, b) => a - b);
  step.state.early.clear();
  for (const sequence of early) {
    const slot = step.state.log.find(sequence);
    if (slot) acceptWaiting(step, slot);
  }
}

/** When the ceiling reaches the first early pre-prepare. */
export function earlyAt(step: Step): Millis | null {
  let at: number | null = null;
  for (const sequence of step.state.early) {
    const timestamp = step.state.log.find(sequence)?.waiting?.batch?.timestamp ?? 0 as Millis;
    at = Math.min(at ?? Infinity, reachedAt(step, timestamp));
  }
  return at as Millis | null;
}

/** Fetched bodies arrive. */
export function onBodies(step: Step, bodies: ReadonlyMap<Digest, Batch>): void {
  const { log } = step.state;
  for (let n = log.low + 1; n <= log.highest(); n++) {
    const slot = log.find(n);
    if (!slot) continue;
    const decided = slot.committed === null ? undefined : bodies.get(slot.committed);
    if (decided) slot.batch = decided;
    const waiting = slot.waiting ? bodies.get(slot.waiting.prePrepare.message.digest) : undefined;
    if (!waiting) continue;
    slot.waiting = { ...slot.waiting!, batch: waiting };
    acceptWaiting(step, slot);
  }
  executeCommitted(step);
}

/** Accepts a pre-prepare: stores it and, as a backup, sends the prepare. */
function accept(step: Step, slot: Slot, prePrepare: Verified<Signed<PrePrepare>>, batch: Batch): void {
  const { view, sequence, digest } = prePrepare.message;
  keepFormer(step, slot, prePrepare.message);
  slot.prePrepare = prePrepare;
  slot.acceptedAt = step.state.suspicion.awakeMs;
  if (slot.committed === null || slot.committed === digest) slot.batch = batch;
  step.persist({ kind: "accepted", prePrepare, batch });
  step.stage("pre-prepared", view, sequence, batch);
  if (!step.isPrimary) {
    const prepare = step.env.sign<Prepare>({ kind: "prepare", replica: step.self, view, sequence, digest });
    slot.prepares.set(step.self, prepare);
    step.send("all", prepare);
  }
  checkPrepared(step, slot);
  if (slot.committed !== digest) return;
  // The number was decided in an earlier view. The others may still need this replica's commit in this view, and nobody
  // will send it their prepares.
  if (slot.commits.get(step.self)?.message.view !== view) sendCommit(step, slot, view, digest);
  executeCommitted(step);
}

/** A prepare arrives, possibly before its pre-prepare, or of a later view. */
export function onPrepare(step: Step, prepare: Verified<Signed<Prepare>>): void {
  const { replica, view, sequence } = prepare.message;
  const discard = (reason: DiscardReason) => step.discard("prepare", replica, reason);
  if (!step.state.log.isWithin(sequence)) return discard("outside-watermarks");
  if (view < step.state.view) return discard("other-view");
  if (replica === primaryOf(view, step.n)) return discard("from-the-primary");
  const slot = step.state.log.slot(sequence);
  const refused = vote(step, slot.prepares, prepare);
  if (refused) return discard(refused);
  if (step.state.early.has(sequence) && mayFollow(step, slot)) acceptWaiting(step, slot);
  if (isHeldBack(slot) && isAwaited(slot)) acceptWaiting(step, slot);
  checkPrepared(step, slot);
}

/** A commit arrives, possibly before the other messages, or of another view. */
export function onCommit(step: Step, commit: Verified<Signed<Commit>>): void {
  const { replica, sequence } = commit.message;
  const discard = (reason: DiscardReason) => step.discard("commit", replica, reason);
  if (!step.state.log.isWithin(sequence)) return discard("outside-watermarks");
  const slot = step.state.log.slot(sequence);
  if (sequence <= step.state.lastExecuted) {
    return discard(compare(step, slot.commits.get(replica), commit) ? "conflicting" : "already-executed");
  }
  const refused = vote(step, slot.commits, commit);
  if (refused) return discard(refused);
  checkCommitted(step, slot, commit.message);
}

/**
 * Keeps one vote per sender, that of the highest view. Of two votes in one view the first counts. Returns why the vote
 * was not kept; `null` if it was.
 */
function vote<M extends Prepare | Commit>(
  step: Step,
  votes: Map<M["replica"], Verified<Signed<M>>>,
  coming: Verified<Signed<M>>,
): "other-view" | "duplicate" | "conflicting" | null {
  const { replica, view } = coming.message;
  const known = votes.get(replica);
  if (known && known.message.view > view) return "other-view";
  if (known && known.message.view === view) return compare(step, known, coming) ? "conflicting" : "duplicate";
  votes.set(replica, coming);
  return null;
}

/** *prepared*: the pre-prepare and quorum - 1 matching prepares of distinct backups. */
export function checkPrepared(step: Step, slot: Slot): void {
  const { prePrepare, batch } = slot;
  if (!prePrepare || !batch || prePrepare.message.view !== step.state.view || !step.mayVote) return;
  const { view, sequence, digest } = prePrepare.message;
  if (slot.prepared?.prePrepare.message.view === view || batch.digest !== digest) return;
  if (slot.prepares.size < step.quorum - 1) return;
  const prepares = matchingPrepares(slot, step.n).slice(0, step.quorum - 1);
  if (prepares.length < step.quorum - 1) return;
  slot.prepared = { prePrepare, prepares };
  step.persist({ kind: "prepared", prePrepare, prepares });
  dropFormer(step, slot);
  step.stage("prepared", view, sequence, batch);
  sendCommit(step, slot, view, digest);
  checkCommitted(step, slot, { view, digest });
}

function sendCommit(step: Step, slot: Slot, view: View, digest: Digest): void {
  const commit = step.env.sign<Commit>({ kind: "commit", replica: step.self, view, sequence: slot.sequence, digest });
  slot.commits.set(step.self, commit);
  step.send("all", commit);
}

/**
 * *committed-local*: a quorum of matching commits of distinct replicas.
 *
 * Deviation: the paper also requires that the batch is prepared at this replica. A quorum of commits shows that f + 1
 * correct replicas have prepared it, so no other batch can take this number. A replica that missed the prepares need
 * not wait for them.
 */
function checkCommitted(step: Step, slot: Slot, { view, digest }: Pick<Commit, "view" | "digest">): void {
  if (slot.committed !== null || slot.commits.size < step.quorum) return;
  const commits = matchingCommits(slot, view, digest);
  if (commits.length < step.quorum) return;
  measureRound(step, slot);
  decide(step, slot, commits.slice(0, step.quorum));
}

/** After a start: decides the numbers whose stored votes are a quorum. A replica alone (n = 1) gets no other votes. */
export function checkAllCommitted(step: Step): void {
  for (const slot of step.state.log.slots()) {
    if (slot.prepared && slot.sequence > step.state.lastExecuted) {
      checkCommitted(step, slot, slot.prepared.prePrepare.message);
    }
  }
}

function decide(step: Step, slot: Slot, commits: Slot["decision"]): void {
  const { view, digest } = commits[0]!.message;
  slot.committed = digest;
  slot.decision = commits;
  const batch = bodyOf(slot, digest) ?? nullBatch(step.env);
  slot.batch = batch.digest === digest ? batch : null;
  step.stage("committed", view, slot.sequence, slot.batch);
  if (!slot.batch) askForBody(step, digest);
  executeCommitted(step);
}

/** A decision arrives: the proof that a number is decided, in any view. */
export function onDecision(step: Step, { message: { replica, commits } }: Verified<Signed<Decision>>): void {
  const discard = (reason: DiscardReason) => step.discard("decision", replica, reason);
  const first = commits[0]?.message;
  if (!first || !isDecision(commits, step.quorum)) return discard("invalid-certificate");
  if (!step.state.log.isWithin(first.sequence)) return discard("outside-watermarks");
  const slot = step.state.log.slot(first.sequence);
  if (slot.committed !== null) return discard("duplicate");
  decide(step, slot, commits as Slot["decision"]); // nested in a message that the gate has verified
}

function isDecision(commits: readonly Signed<Commit>[], quorum: number): boolean {
  const { view, sequence, digest } = commits[0]!.message;
  const replicas = new Set(commits.map(({ message }) => message.replica));
  return replicas.size === commits.length && commits.length >= quorum &&
    commits.every(({ message: c }) => c.view === view && c.sequence === sequence && c.digest === digest);
}
