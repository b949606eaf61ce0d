/**
 * Submits requests and queries of signed clients for callers that wait for the answer. First the frame is verified,
 * then the request is submitted; the host's own rules run in between.
 * @module
 */
import { abortable } from "../async/abort.ts";
import { deferred } from "../async/deferred.ts";
import type { Intake } from "../in/intake.ts";
import type { Rejection } from "../ports.ts";
import type { Asked, Waiter, Waiters } from "./waiters.ts";

/** The intake for one kind of message, and the callers that wait. */
export interface Submission<A extends Asked> {
  readonly kind: "request" | "query";
  readonly intake: Intake;
  readonly waiters: Waiters<A>;
}

/** Options of a call that waits. */
export interface SubmitOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Whether the caller can verify a reply that was signed together with others. */
  readonly acceptsPaths?: boolean;
}

/** Verifies a frame in the next turn of the replica. Resolves with the signed request or query, or with a rejection. */
export function verify<A extends Asked>({ kind, intake }: Submission<A>, frame: Uint8Array): Promise<A | Rejection> {
  const { promise, resolve } = deferred<A | Rejection>();
  const answer = (rejection: Rejection | null) => rejection && resolve(rejection);
  intake.take({ frame, accept: [kind], onVerified: (asked) => resolve(asked as A), answer });
  return promise;
}

/**
 * Submits a verified request or query, or a frame, which is verified first. Resolves with this replica's signed answer
 * as a frame, or with a rejection. Rejects with the signal's reason if that aborts.
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
  { signal, acceptsPaths }: SubmitOptions,
): Promise<Uint8Array | Rejection> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const waiter: Waiter | null = waiters.add(asked, acceptsPaths);
  if (!waiter) {
    return Promise.resolve({
      reason: "overloaded",
      kind,
      detail: "too many callers wait for an answer at this replica; retry later, or at another replica",
    });
  }
  const { promise, resolve } = deferred<Uint8Array | Rejection>();
  void waiter.answer.then(resolve);
  intake.enter(asked, (rejection) => {
    waiter.cancel();
    resolve(rejection);
  });
  return abortable(promise, signal, () => waiter.cancel());
}
