/**
 * A resource that is safe from holders whose lease has ended: it refuses each token that is smaller than one it has seen. A lock alone cannot
 * do that: a process may be stopped for a minute just after it has looked whether it still holds the lock.
 */

/** A write came with the token of an earlier holder. */
export class StaleTokenError extends Error {
  override readonly name = "StaleTokenError";
}

/** One value. A file, a table or a device does the same: it keeps the greatest token beside the data, and compares in the same step. */
export class FencedRegister {
  #value = "";
  #greatest = 0;

  get value(): string {
    return this.#value;
  }

  /** @throws {StaleTokenError} if somebody has written with a greater token. */
  write(token: number, value: string): void {
    if (token < this.#greatest) {
      throw new StaleTokenError(`token ${token} is of an earlier holder: ${this.#greatest} has written`);
    }
    this.#greatest = token;
    this.#value = value;
  }
}
