/**
 * The only source of randomness in a simulation. The same seed gives the same numbers everywhere.
 * @module
 */

/** Pseudo-random numbers (sfc32). Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Any number is a seed; its integer part counts. */
  constructor(seed: number) {
    const high = Math.floor(seed / 2 ** 32);
    this.#a = seed | 0;
    this.#b = high | 0;
    this.#c = 0x9e3779b9;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** In [0, 1). */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** A number in [min, max). */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of them. The list must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)]!;
  }

  /** All of them, in random order. */
  shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  }

  /** Each of them with this probability. */
  some<T>(list: readonly T[], probability: number): T[] {
    return list.filter(() => this.chance(probability));
  }

  /** A positive number with this mean (exponentially distributed). */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** A seed for another source. */
  seed(): number {
    return this.int(0, 2 ** 32 - 1);
  }

  /** Another source, whose use does not change the numbers of this one. */
  fork(): Random {
    return new Random(this.seed());
  }
}
