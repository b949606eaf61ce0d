/**
 * One gate for all nodes of a simulation. A frame that goes to many, or arrives again, is decoded and verified once.
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
