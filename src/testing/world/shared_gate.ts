/**
 * One gate for all nodes of a simulation. A frame that goes to many, or arrives again, is decoded and verified once.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { finish, Gate } from "../../node/in/gate.ts";
import { type Known, leftUnverified, type Passed, type UnverifiedVote } from "../../node/in/passed.ts";
import type { Rejection } from "../../node/ports.ts";
import { fingerprint } from "./cryptography.ts";

interface Verdict {
  readonly frame: Uint8Array;
  /** The vote in it, if that is what it is. */
  readonly vote: UnverifiedVote | null;
  readonly passed: Passed | Rejection;
}

/** Verdicts in one generation. The generation before is kept too. Larger ones hit little more often and cost more to keep. */
const GENERATION = 512;

/** By the frame object, which is the same for all receivers of a broadcast, and by its contents. */
interface Verdicts {
  readonly frames: Map<Uint8Array, Verdict>;
  readonly contents: Map<number, Verdict>;
}

/** A gate that remembers its verdicts by the exact bytes of the frames. */
export class SharedGate extends Gate {
  #young = noVerdicts();
  #old = noVerdicts();

  // deno-lint-ignore require-yield -- nothing is sliced here
  protected override *validating(
    frame: Uint8Array,
    kind: MessageKind | "unknown",
    { isSurplus }: Known,
  ): Generator<number, Passed | Rejection> {
    const { vote, passed } = this.#verdict(frame, kind);
    return vote && isSurplus?.(vote, frame) ? leftUnverified(vote) : passed;
  }

  #verdict(frame: Uint8Array, kind: MessageKind | "unknown"): Verdict {
    const same = this.#young.frames.get(frame) ?? this.#old.frames.get(frame);
    if (same) return same;
    const place = fingerprint(frame);
    const known = this.#young.contents.get(place) ?? this.#old.contents.get(place);
    const verdict = known && equalBytes(known.frame, frame) ? known : this.#verdictOn(frame, kind);
    if (this.#young.frames.size === GENERATION) {
      this.#old = this.#young;
      this.#young = noVerdicts();
    }
    this.#young.frames.set(frame, verdict);
    this.#young.contents.set(place, verdict);
    return verdict;
  }

  /** Also of a vote that would be left unverified: whether it is depends on the replica. */
  #verdictOn(frame: Uint8Array, kind: MessageKind | "unknown"): Verdict {
    let vote: UnverifiedVote | null = null;
    const isSurplus = (found: UnverifiedVote) => (vote = found, false);
    const passed = finish(super.validating(frame, kind, { isSurplus }));
    return { frame, vote, passed };
  }
}

function noVerdicts(): Verdicts {
  return { frames: new Map(), contents: new Map() };
}
