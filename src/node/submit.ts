/**
 * Taking a frame in for somebody who waits for the answer.
 * @module
 */
import { abortable } from "./abort.ts";
import { deferred } from "./deferred.ts";
import type { Intake } from "./intake.ts";
import type { Rejection } from "./ports.ts";
import type { Asked, Waiter, Waiters } from "./waiters.ts";

/** Where it is taken in, and who waits. */
export interface Submission<A extends Asked> {
  readonly kind: A["message"]["kind"];
  readonly intake: Intake;
  readonly waiters: Waiters<A>;
}

/** Gives this replica's signed answer as a frame, or why there is none. Rejects with the signal's reason if that aborts. */
export function submit<A extends Asked>(
  { kind, intake, waiters }: Submission<A>,
  frame: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array | Rejection> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve } = deferred<Uint8Array | Rejection>();
  let waiter: Waiter | null = null;
  const onAsked = (asked: Asked): Rejection | null => {
    waiter = signal?.aborted ? null : waiters.add(asked as A);
    waiter?.answer.then(resolve);
    return waiter ? null : { reason: "overloaded", kind, detail: "too many wait for an answer here already" };
  };
  const settle = (rejection: Rejection | null) => {
    if (!rejection) return;
    waiter?.cancel();
    resolve(rejection);
  };
  intake.take({ frame, accept: [kind], onAsked, settle });
  return abortable(promise, signal, () => waiter?.cancel());
}
