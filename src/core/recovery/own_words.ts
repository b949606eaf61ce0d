/**
 * What this replica has said, as the others have it.
 *
 * A replica that starts has the others tell it what they hold of it, signed by itself: its votes on open numbers, its last checkpoint,
 * view-change and suspicion. Votes, checkpoints and view-changes were durable before they were said, so that a store that does not know
 * of one is an old copy of the one that did (or somebody else has this replica's key): the replica has lost what it said, and goes on as
 * one that has lost its disk. Where another instance of the replica has said it, on the same store, noting that fails, as the store has
 * moved on, and the replica is read anew.
 *
 * Suspicions prove nothing of the kind. All votes of a time before a disk was lost are behind the checkpoint and the view with which that
 * ended, but suspicions are ordered by their number alone: a liar who kept one could have the replica recover again whenever it likes.
 * From a suspicion that it does not know of it takes the number, and how far it can have let itself in for (see leaving.ts).
 *
 * Until as many have answered as make a quorum with it, it votes in nothing, suspects nobody and leaves no view. Without them nothing
 * could be decided anyway, so that this costs a round trip at a start. Who is not there yet is asked when it is heard of, and all are
 * asked with each status. A replica that a host starts for each message does not ask: it would ask all the time.
 *
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import type { Input } from "../io.ts";
import { loseMemory } from "./lost_disk.ts";
import type {
  Checkpoint,
  Commit,
  NewView,
  Prepare,
  PrePrepare,
  Signed,
  Status,
  Suspicion,
  Verified,
  ViewChange,
} from "../messages/messages.ts";
import { primaryOf } from "../messages/quorum.ts";
import { noteSeen } from "../upkeep/numbering.ts";
import type { ReplicaState } from "../state.ts";
import { voteAgain } from "./vote_again.ts";
import type { Step } from "../step.ts";
import { sendStatus } from "../upkeep/own_status.ts";

type OwnWord = PrePrepare | Prepare | Commit | Checkpoint | ViewChange;

/** At a start, with what it did before: asks. A replica that knows that it has lost its disk asks more. */
export function askOthers(step: Step): void {
  if (step.n === 1 || step.state.lostDisk) return;
  step.state.asking = { challenge: Math.max(1, step.now) as Millis, answered: new Set() };
}

/** A status comes, perhaps in answer; before it came what its sender has of this replica. */
export function noteAnswer(step: Step, { replica, echo, seen }: Status): void {
  const { asking, numbering } = step.state;
  const isRepeated = seen >= numbering.next;
  noteSeen(step, replica, seen);
  if (!asking || replica === step.self) return;
  // An old copy uses numbers again, and a status that comes again draws none of its words. It asks again once it knows of that.
  if (isRepeated) return seen < numbering.next ? sendStatus(step) : undefined;
  if (echo === asking.challenge) asking.answered.add(replica);
  // It is there now, and may not have been when all were asked.
  else if (echo === 0 && !asking.answered.has(replica)) sendStatus(step, replica);
  if (asking.answered.size < step.quorum - 1) return;
  step.state.asking = null;
  voteAgain(step);
}

/** Answers a replica that asks: with what it said, and then with where we are. */
export function answer(step: Step, asked: Status, resend: (signed: Signed) => void): void {
  for (const word of wordsOf(step, asked)) resend(word);
  sendStatus(step, asked.replica, asked.challenge);
}

/** What is sent back to a replica that asks: its own words that its status does not show. */
function wordsOf(step: Step, { replica, stable, executed, stages }: Status): readonly Signed[] {
  const { log, checkpoints, viewChanges, leaving } = step.state;
  const words: Verified<Signed<OwnWord | Suspicion>>[] = [];
  for (let n = Math.max(stable, log.low) + 1; n <= log.highest(); n++) {
    const slot = log.find(n);
    const stage = n <= executed ? "committed" : stages[n - executed - 1] ?? "idle";
    if (!slot || stage === "committed" || stage === "prepared") continue;
    const { prePrepare } = slot;
    if (stage === "idle" && prePrepare?.message.replica === replica) words.push(prePrepare);
    const votes = [stage === "idle" && slot.prepares.get(replica), slot.commits.get(replica)];
    for (const vote of votes) if (vote) words.push(vote);
  }
  const taken = [...checkpoints.keys()].filter((n) => n > executed && checkpoints.get(n)!.has(replica));
  if (taken.length > 0) words.push(checkpoints.get(Math.max(...taken) as SequenceNumber)!.get(replica)!);
  for (const word of [viewChanges.get(replica), leaving.heard.get(replica)]) if (word) words.push(word);
  return words;
}

function wordIn(step: Step, input: Input): OwnWord | null {
  switch (input.kind) {
    case "pre-prepare":
      return input.prePrepare.message;
    case "prepare":
      return input.prepare.message;
    case "commit":
      return input.commit.message;
    case "checkpoint":
      return input.checkpoint.message;
    case "view-change":
      return input.viewChange.message;
    case "new-view":
      return viewChangeIn(step, input.newView.message);
    default:
      return null;
  }
}

/** A view starts with this replica's own view-change, among others. */
function viewChangeIn({ self }: Step, { viewChanges }: NewView): ViewChange | null {
  return viewChanges.find(({ message }) => message.replica === self)?.message ?? null;
}

/**
 * Whether somebody gives back a vote of this replica's own that it does not know of. It has lost its memory then, and does not take such
 * votes up: it would say them again, and can't know what else it said. Of its view-changes it takes note.
 */
export function isForgotten(step: Step, input: Input): boolean {
  const word = wordIn(step, input);
  if (word?.replica !== step.self || !isItsPlace(step, word)) return false;
  if (!step.state.lostDisk) {
    if (isKnown(step, word)) return false;
    step.state.asking = null;
    step.event({ kind: "old-copy", message: word.kind, sequence: word.kind === "view-change" ? null : word.sequence });
    loseMemory(step);
  }
  return word.kind !== "view-change";
}

/** A replica that is correct, on whatever store, says nothing else. */
function isItsPlace({ self, n }: Step, word: OwnWord): boolean {
  if (word.kind === "pre-prepare") return primaryOf(word.view, n) === self;
  return word.kind !== "prepare" || primaryOf(word.view, n) !== self;
}

/** Whether this replica knows that it has said it. What is behind a stable checkpoint it need not know. */
function isKnown({ state }: Step, word: OwnWord): boolean {
  if (word.kind === "view-change") return word.view <= state.view;
  if (word.sequence <= state.log.low) return true;
  if (word.kind === "pre-prepare" && (word.view < state.view || isCarried(state, word))) return true;
  if (word.kind === "checkpoint") return word.sequence <= Math.max(state.tree.sequence, state.lastExecuted);
  const slot = state.log.find(word.sequence);
  const views = [slot?.prePrepare, slot?.prepared?.prePrepare].map((known) => known?.message.view ?? -1);
  return Math.max(...views) >= word.view;
}

/**
 * Those that a new-view carries are signed with it, whether this replica can take them up or not. In a view that is over they say
 * nothing that its commits don't say as well.
 */
function isCarried({ newView }: ReplicaState, { view, sequence }: PrePrepare): boolean {
  if (newView?.message.view !== view) return false;
  return newView.message.prePrepares.some(({ message }) => message.sequence === sequence);
}
