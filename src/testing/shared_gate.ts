/**
 * One gate for all nodes of a simulation: a frame that goes to many is decoded and verified once.
 * @module
 */
import type { MessageKind } from "../core/messages.ts";
import { Gate, type Passed } from "../node/gate.ts";
import type { Rejection } from "../node/ports.ts";

interface Verdict {
  /** The only kind that was taken where it came in; `null`: all were. */
  readonly accepted: MessageKind | null;
  readonly passed: Passed | Rejection;
}

/** A gate that remembers its verdicts. Nobody changes a frame: whoever corrupts one makes a copy. */
export class SharedGate extends Gate {
  readonly #verdicts = new WeakMap<Uint8Array, Verdict>();

  override check(frame: Uint8Array, accept?: readonly MessageKind[]): Passed | Rejection {
    if (accept && accept.length !== 1) return super.check(frame, accept);
    const accepted = accept?.[0] ?? null;
    const known = this.#verdicts.get(frame);
    if (known?.accepted === accepted) return known.passed;
    const passed = super.check(frame, accept);
    this.#verdicts.set(frame, { accepted, passed });
    return passed;
  }
}
