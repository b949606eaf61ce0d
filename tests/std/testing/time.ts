/**
 * A stand-in for `jsr:@std/testing/time`, thin over `@sinonjs/fake-timers`: see `tests/std/README.md`.
 * @module
 */
import { createClock } from "@sinonjs/fake-timers";

/** Thrown when time is faked twice, or restored without being faked. */
export class TimeError extends Error {
  override name = "TimeError";
}

export interface FakeTimeOptions {
  /** Fake milliseconds per real one; 0: only `tick` and its like move time. */
  advanceRate: number;
  /** Real milliseconds between two advances. Default: 10. */
  advanceFrequency?: number;
}

export interface DelayOptions {
  signal?: AbortSignal;
}

/** The globals that are faked. */
type Globals = Pick<
  typeof globalThis,
  "Date" | "setTimeout" | "clearTimeout" | "setInterval" | "clearInterval"
>;

/** What we use of the package's clock. */
interface Clock extends Globals {
  readonly now: number;
  countTimers(): number;
  tick(ms: number): void;
  next(): void;
}

const { Date, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
const real: Globals = { Date, setTimeout, clearTimeout, setInterval, clearInterval };

let current: FakeTime | undefined;

/** Replaces the globals Date, setTimeout, clearTimeout, setInterval and clearInterval until {@linkcode restore}. */
export class FakeTime implements Disposable {
  readonly #clock: Clock;
  readonly #fakes: Globals;
  readonly #advance: ReturnType<typeof setInterval> | undefined;
  /** Fake time at the start, ms since 1970. */
  readonly start: number;

  constructor(start?: number | string | Date | null, options?: FakeTimeOptions) {
    if (current) throw new TimeError("Cannot construct FakeTime: time is already faked");
    this.start = new real.Date(start ?? real.Date.now()).valueOf();
    if (Number.isNaN(this.start)) throw new TypeError(`Cannot construct FakeTime: invalid start time ${start}`);
    const clock = this.#clock = createClock(this.start) as unknown as Clock;
    this.#fakes = {
      Date: clock.Date,
      setTimeout: clock.setTimeout,
      setInterval: clock.setInterval,
      clearTimeout: clock.clearTimeout,
      clearInterval: clock.clearInterval,
    };
    Object.assign(globalThis, this.#fakes);
    current = this;
    const { advanceRate = 0, advanceFrequency = 10 } = options ?? {};
    if (advanceRate > 0) {
      this.#advance = real.setInterval(() => this.tick(advanceRate * advanceFrequency), advanceFrequency);
    }
  }

  /** Restores what the last `new FakeTime()` replaced. */
  static restore(): void {
    if (!current) throw new TimeError("Cannot restore time: time is already restored");
    current.restore();
  }

  /** Runs `callback` with the real globals. */
  static async restoreFor<T>(
    // deno-lint-ignore no-explicit-any
    callback: (...args: any[]) => Promise<T> | T,
    // deno-lint-ignore no-explicit-any
    ...args: any[]
  ): Promise<T> {
    const time = current;
    if (!time) throw new TimeError("Cannot restore time: time is not faked");
    Object.assign(globalThis, real);
    try {
      return await callback(...args);
    } finally {
      if (current === time) Object.assign(globalThis, time.#fakes);
    }
  }

  /** Fake time, ms since 1970. Setting it fires what is due by then. */
  get now(): number {
    return this.#clock.now;
  }
  set now(value: number) {
    if (value < this.now) {
      throw new RangeError(`Cannot set current time in the past, time must be >= ${this.now}: received ${value}`);
    }
    this.#clock.tick(value - this.now);
  }

  /** Waits `ms` real milliseconds. */
  delay(ms: number, options: DelayOptions = {}): Promise<void> {
    const { signal } = options;
    const aborted = () => new DOMException("Delay was aborted.", "AbortError");
    if (signal?.aborted) return Promise.reject(aborted());
    return new Promise((resolve, reject) => {
      const abort = () => {
        real.clearTimeout(timer);
        reject(aborted());
      };
      const timer = real.setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Lets all promise callbacks that are ready run. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Moves time on by `ms` and fires what is due by then. */
  tick(ms = 0): void {
    this.now += ms;
  }

  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves to the next due time and fires all that is due then. Returns whether there was a timer. */
  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    this.#clock.tick(0);
    return true;
  }

  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Fires timers until none is left. */
  runAll(): void {
    while (this.next());
  }

  async runAllAsync(): Promise<void> {
    await this.runMicrotasks();
    while (await this.nextAsync()) await this.runMicrotasks();
  }

  /** Puts the real globals back. */
  restore(): void {
    if (current !== this) throw new TimeError("Cannot restore time: time is already restored");
    current = undefined;
    real.clearInterval(this.#advance);
    Object.assign(globalThis, real);
  }

  [Symbol.dispose](): void {
    this.restore();
  }
}
