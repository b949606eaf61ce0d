/**
 * Taking in what a client asks, for somebody who waits for the answer: first the frame is verified, then what was in it is asked. In between is the
 * host's own say.
 * @module
 */
import { abortable } from "../async/abort.ts";
import { deferred } from "../async/deferred.ts";
import type { Intake } from "../in/intake.ts";
import type { Rejection } from "../ports.ts";
import type { Asked, Waiter, Waiters } from "./waiters.ts";

/** Where it is taken in, and who waits. */
export interface Submission<A extends Asked> {
  readonly kind: "request" | "query";
  readonly intake: Intake;
  readonly waiters: Waiters<A>;
}

/** How somebody waits. */
export interface SubmitOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** Gives what a client signed once its signature was found right, or why not: with the next turn of the replica. */
export function verify<A extends Asked>({ kind, intake }: Submission<A>, frame: Uint8Array): Promise<A | Rejection> {
  const { promise, resolve } = deferred<A | Rejection>();
  const settle = (rejection: Rejection | null) => rejection && resolve(rejection);
  intake.take({ frame, accept: [kind], onVerified: (asked) => resolve(asked as A), settle });
  return promise;
}

/**
 * Gives this replica's signed answer as a frame, or why there is none. Rejects with the signal's reason if that aborts.
 * `asked`: what {@linkcode verify} gave, or the frame, which is verified first.
 */
export async function submit<A extends Asked>(
  submission: Submission<A>,
  asked: A | Uint8Array,
  options: SubmitOptions = {},
): Promise<Uint8Array | Rejection> {
  options.signal?.throwIfAborted();
  const verified = asked instanceof Uint8Array ? await verify(submission, asked) : asked;
  return "reason" in verified ? verified : await answerTo(submission, verified, options);
}

function answerTo<A extends Asked>(
  { kind, intake, waiters }: Submission<A>,
  asked: A,
  { signal }: SubmitOptions,
): Promise<Uint8Array | Rejection> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const waiter: Waiter | null = waiters.add(asked);
  if (!waiter) {
    return Promise.resolve({ reason: "overloaded", kind, detail: "too many wait for an answer here already" });
  }
  const { promise, resolve } = deferred<Uint8Array | Rejection>();
  void waiter.answer.then(resolve);
  intake.enter(asked, (rejection) => {
    waiter.cancel();
    resolve(rejection);
  });
  return abortable(promise, signal, () => waiter.cancel());
}
