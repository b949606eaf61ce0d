/**
 * Waiting that its caller may give up.
 * @module
 */

/**
 * Settles as `promise` does, or rejects with the signal's reason (by default an `AbortError`) once it aborts;
 * `onAbort` is called then, to give back what the waiting held.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, onAbort: () => void): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason);
      onAbort();
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
