/**
 * One gate for all nodes of a simulation: a frame that goes to many, or comes again, is decoded and verified once.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { finish, Gate, type Passed } from "../../node/in/gate.ts";
import type { Rejection } from "../../node/ports.ts";
import { fingerprint } from "./cryptography.ts";

interface Verdict {
  readonly frame: Uint8Array;
  readonly passed: Passed | Rejection;
}

/** Verdicts in one generation; the one before is remembered too. More would be found a little oftener, and cost more to keep. */
const GENERATION = 512;

/** By the frame itself, as one that goes to all is the same for all, and by what is in it. */
interface Verdicts {
  readonly frames: Map<Uint8Array, Verdict>;
  readonly contents: Map<number, Verdict>;
}

/** A gate that remembers its verdicts by the frames' exact bytes. */
export class SharedGate extends Gate {
  #young = noVerdicts();
  #old = noVerdicts();

  // deno-lint-ignore require-yield -- nothing is sliced here
  protected override *validating(
    frame: Uint8Array,
    kind: MessageKind | "unknown",
  ): Generator<number, Passed | Rejection> {
    const same = this.#young.frames.get(frame) ?? this.#old.frames.get(frame);
    if (same) return same.passed;
    const place = fingerprint(frame);
    const known = this.#young.contents.get(place) ?? this.#old.contents.get(place);
    const verdict = known && equalBytes(known.frame, frame)
      ? known
      : { frame, passed: finish(super.validating(frame, kind, () => true)) };
    if (this.#young.frames.size === GENERATION) {
      this.#old = this.#young;
      this.#young = noVerdicts();
    }
    this.#young.frames.set(frame, verdict);
    this.#young.contents.set(place, verdict);
    return verdict.passed;
  }
}

function noVerdicts(): Verdicts {
  return { frames: new Map(), contents: new Map() };
}
