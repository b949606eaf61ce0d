/**
 * A wait that the caller can abort.
 * @module
 */

/**
 * Settles as `promise` does, or rejects with the signal's reason (by default an `AbortError`) when the signal aborts.
 * `onAbort` is called then, to free what the wait held.
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
