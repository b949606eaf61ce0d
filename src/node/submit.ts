/**
 * Taking a frame in for somebody who waits for the answer.
 * @module
 */
import type { ClientId } from "../core/ids.ts";
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

/** How somebody waits. */
export interface SubmitOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Asked once the signature was checked, before the replica hears of it: why it is refused, if so. */
  readonly admit?: (client: ClientId, operations: number) => Rejection | null;
}

/** Gives this replica's signed answer as a frame, or why there is none. Rejects with the signal's reason if that aborts. */
export function submit<A extends Asked>(
  { kind, intake, waiters }: Submission<A>,
  frame: Uint8Array,
  { signal, admit }: SubmitOptions = {},
): Promise<Uint8Array | Rejection> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve } = deferred<Uint8Array | Rejection>();
  let waiter: Waiter | null = null;
  const onAsked = (asked: Asked): Rejection | null => {
    const refused = admit && admission(asked, admit);
    if (refused) return refused;
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

function admission({ message }: Asked, admit: NonNullable<SubmitOptions["admit"]>): Rejection | null {
  switch (message.kind) {
    case "request":
      return admit(message.client, message.operations.length);
    case "query":
      return admit(message.client, 1);
    case "vouched-request":
      return null;
  }
}
