/**
 * Budget for request bodies in memory, and the rule which body is dropped when the budget is used up.
 * @module
 */
import { Problem } from "../problem.ts";

/** Bounds of a {@linkcode BodyBudget}. */
export interface BodyBudgetOptions {
  /** Maximum bytes of all bodies, including complete ones that are still in use. Bytes count when they arrive. */
  readonly maxBytes: number;
  /** Maximum number of incomplete bodies. */
  readonly maxInProgress: number;
}

/** One body's share of a budget. */
export interface Held {
  /** Counts further bytes. @throws {Problem} 429 if the budget is used up and no other body can be aborted. */
  add(bytes: number): void;
  /** The body is complete: it will no longer be aborted. */
  end(): void;
  /** Frees the body's bytes. A second call does nothing. */
  release(): void;
}

interface Body {
  readonly sender: string | undefined;
  bytes: number;
  isWhole: boolean;
  readonly abort: (problem: Problem) => void;
}

/**
 * Budget of one kind of sender. Only bytes that have arrived count, not the announced length. When a bound is reached,
 * the sender that holds the most loses its oldest incomplete body: that one is aborted. A body that is sent without
 * pauses is complete within milliseconds, so this hits bodies that are sent slowly on purpose; and a sender that holds
 * little loses nothing to one that holds much.
 */
export class BodyBudget {
  readonly #options: BodyBudgetOptions;
  /**
   * Incomplete bodies by sender, the oldest first. Bodies of unknown senders are not included: they are never aborted.
   */
  readonly #inProgress = new Map<string, Set<Body>>();
  #count = 0;
  #bytes = 0;

  constructor(options: BodyBudgetOptions) {
    this.#options = options;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of incomplete bodies. */
  get inProgress(): number {
    return this.#count;
  }

  /**
   * Starts to count a body. `sender`: who counts as one sender; `undefined` if unknown. `abort` is called if this body
   * is chosen to be aborted.
   * @throws {Problem} 429 if the budget is used up and no other body can be aborted.
   */
  open(sender: string | undefined, abort: (problem: Problem) => void): Held {
    const body: Body = { sender, bytes: 0, isWhole: false, abort };
    while (this.#count >= this.#options.maxInProgress) this.#makeRoom(body, countOf);
    this.#count++;
    if (sender !== undefined) {
      const bodies = this.#inProgress.get(sender) ?? new Set();
      this.#inProgress.set(sender, bodies.add(body));
    }
    return {
      add: (bytes) => this.#add(body, bytes),
      end: () => this.#end(body),
      release: () => {
        this.#end(body);
        this.#bytes -= body.bytes;
        body.bytes = 0;
      },
    };
  }

  #add(body: Body, bytes: number): void {
    while (this.#bytes + bytes > this.#options.maxBytes) this.#makeRoom(body, bytesOf);
    this.#bytes += bytes;
    body.bytes += bytes;
  }

  #end(body: Body): void {
    if (body.isWhole) return;
    body.isWhole = true;
    this.#count--;
    if (body.sender === undefined) return;
    const bodies = this.#inProgress.get(body.sender);
    bodies?.delete(body);
    if (bodies?.size === 0) this.#inProgress.delete(body.sender);
  }

  /** Aborts a body other than this one: the oldest of the sender that holds most by `weightOf`. */
  #makeRoom(body: Body, weightOf: (bodies: ReadonlySet<Body>) => number): void {
    const victim = body.sender === undefined ? undefined : this.#victim(body, weightOf);
    if (!victim) throw overloaded("too many request bodies are being read; retry after 1 s");
    this.#end(victim);
    this.#bytes -= victim.bytes;
    victim.bytes = 0;
    victim.abort(
      overloaded("this body was too slow, and its memory was needed for others; send it again, without pauses"),
    );
  }

  #victim(newcomer: Body, weightOf: (bodies: ReadonlySet<Body>) => number): Body | undefined {
    let [most, victim]: [number, Body | undefined] = [0, undefined];
    for (const bodies of this.#inProgress.values()) {
      const weight = weightOf(bodies);
      const oldest = weight > most ? first(bodies, newcomer) : undefined;
      if (oldest) [most, victim] = [weight, oldest];
    }
    return victim;
  }
}

function countOf(bodies: ReadonlySet<Body>): number {
  return bodies.size;
}

function bytesOf(bodies: ReadonlySet<Body>): number {
  let sum = 0;
  for (const { bytes } of bodies) sum += bytes;
  return sum;
}

function first(bodies: ReadonlySet<Body>, except: Body): Body | undefined {
  for (const body of bodies) if (body !== except) return body;
  return undefined;
}

function overloaded(detail: string): Problem {
  return new Problem("overloaded", { detail });
}
