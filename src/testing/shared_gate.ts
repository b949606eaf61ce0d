/**
 * One gate for all nodes of a simulation: a frame that goes to many, or comes again, is decoded and verified once.
 * @module
 */
import type { MessageKind } from "../core/messages.ts";
import { Gate, type Passed } from "../node/gate.ts";
import type { Rejection } from "../node/ports.ts";
import { equalBytes } from "../node/verified_messages.ts";
import { fingerprint } from "./cryptography.ts";

interface Verdict {
  readonly frame: Uint8Array;
  readonly passed: Passed | Rejection;
}

/** Verdicts in one generation; the one before is remembered too. */
const GENERATION = 4_096;

/** A gate that remembers its verdicts by the frames' exact bytes. */
export class SharedGate extends Gate {
  #young = new Map<number, Verdict>();
  #old = new Map<number, Verdict>();

  protected override judge(frame: Uint8Array, kind: MessageKind | "unknown"): Passed | Rejection {
    const place = fingerprint(frame);
    const known = this.#young.get(place) ?? this.#old.get(place);
    if (known && (known.frame === frame || equalBytes(known.frame, frame))) return known.passed;
    const passed = super.judge(frame, kind);
    if (this.#young.size === GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(place, { frame, passed });
    return passed;
  }
}
