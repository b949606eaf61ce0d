/**
 * A stand-in for `jsr:@std/async`: see `tests/std/README.md`.
 * @module
 */

export interface DelayOptions {
  signal?: AbortSignal;
  /** `false`: the timer does not keep the process alive. */
  persistent?: boolean;
}

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (!persistent) Deno.unrefTimer(timer);
  });
}

/** The promise's outcome, or a rejection with the signal's reason, whichever is first. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([promise, p]).finally(() => signal.removeEventListener("abort", abort));
}

export interface DeadlineOptions {
  signal?: AbortSignal;
}

/** Rejects with a `TimeoutError` DOMException unless `p` settles within `ms`. */
export async function deadline<T>(p: Promise<T>, ms: number, options: DeadlineOptions = {}): Promise<T> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new DOMException("Signal timed out.", "TimeoutError")), ms);
  try {
    return await abortable(p, options.signal ? AbortSignal.any([timeout.signal, options.signal]) : timeout.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Maps with at most `poolLimit` calls under way at once; results in the order of the items. After an error no further
 * call begins, and once those under way have settled all errors come as one `AggregateError`.
 */
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  if (!Number.isInteger(poolLimit) || poolLimit < 1) throw new RangeError("'poolLimit' must be a positive integer");
  const results: Promise<R>[] = [];
  const underWay = new Set<Promise<unknown>>();
  const errors: unknown[] = [];
  let finished = false;
  let change = Promise.withResolvers<void>();
  const changed = () => {
    change.resolve();
    change = Promise.withResolvers<void>();
  };
  const begin = (item: T) => {
    const result = Promise.resolve(item).then(iteratorFn);
    const settled: Promise<unknown> = result.catch((e) => errors.push(e)).finally(() => underWay.delete(settled));
    underWay.add(settled);
    results.push(result);
    changed();
  };
  const feed = async () => {
    for await (const item of array) {
      begin(item);
      if (underWay.size >= poolLimit) await Promise.race(underWay);
      if (errors.length > 0) break;
    }
  };
  const feeding = feed().catch((e) => errors.push(e)).then(() => Promise.all(underWay)).finally(() => {
    finished = true;
    changed();
  });
  return (async function* () {
    for (let i = 0; i < results.length || !finished;) {
      const result = results[i];
      if (result === undefined) {
        await change.promise;
        continue;
      }
      const [outcome] = await Promise.allSettled([result]);
      if (outcome.status === "rejected") break;
      yield outcome.value;
      i++;
    }
    await feeding;
    if (errors.length > 0) {
      throw new AggregateError(errors, "Cannot complete the mapping as an error was thrown from an item");
    }
  })();
}

/** Thrown by {@linkcode retry} when the last attempt failed; `cause` is that failure. */
export class RetryError extends Error {
  override name = "RetryError";
  constructor(cause: unknown, attempts: number) {
    super(`Retrying exceeded the maxAttempts (${attempts}).`, { cause });
  }
}

export interface RetryOptions {
  multiplier?: number;
  maxTimeout?: number;
  maxAttempts?: number;
  minTimeout?: number;
  /** 0: wait exactly the backoff; 1: anything between 0 and it. */
  jitter?: number;
  isRetriable?: (err: unknown) => boolean;
  signal?: AbortSignal;
}

/** Calls `fn` until it succeeds, with exponential backoff in between. */
export async function retry<T>(fn: (() => Promise<T>) | (() => T), options: RetryOptions = {}): Promise<T> {
  const { multiplier = 2, maxTimeout = 60_000, maxAttempts = 5, minTimeout = 1000, jitter = 1 } = options;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    throw new RangeError(`'maxAttempts' must be a positive integer: current value is ${maxAttempts}`);
  }
  if (minTimeout > maxTimeout) throw new RangeError("'minTimeout' must be <= 'maxTimeout'");
  for (let attempt = 0;; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await fn();
    } catch (error) {
      if (options.isRetriable && !options.isRetriable(error)) throw error;
      if (attempt + 1 >= maxAttempts) throw new RetryError(error, maxAttempts);
      const backoff = Math.min(maxTimeout, minTimeout * multiplier ** attempt);
      await delay((1 - jitter * Math.random()) * backoff, options.signal ? { signal: options.signal } : {});
    }
  }
}
