/**
 * How much of other people's bodies is held at once, and whose gives way when that is too much.
 * @module
 */
import { Problem } from "../problem.ts";

/** The bounds of one {@linkcode BodyBudget}. */
export interface BodyBudgetOptions {
  /** Bytes that have come, of all bodies, whole ones that are still used included. */
  readonly maxBytes: number;
  /** Bodies that are not whole yet. */
  readonly maxUnderWay: number;
}

/** One body's part of a budget. */
export interface Held {
  /** So many bytes more have come. @throws {Problem} 429: there is no room, and nobody to make it. */
  add(bytes: number): void;
  /** It is whole: it will not be broken off any more. */
  end(): void;
  /** It is gone. Again: nothing. */
  release(): void;
}

interface Body {
  readonly sender: string | undefined;
  bytes: number;
  isWhole: boolean;
  readonly breakOff: (problem: Problem) => void;
}

/**
 * Bodies of one class of senders. Only what has come counts, not what was announced. When a bound is reached, the sender that holds the most
 * gives way: its oldest body that is not whole is broken off. A body that is sent without a pause is whole within milliseconds, so it is those
 * that are sent slowly on purpose that give way; and a sender that holds little loses nothing to one that holds much.
 */
export class BodyBudget {
  readonly #options: BodyBudgetOptions;
  /** The bodies that are not whole, by sender, the oldest first. Those without a known sender are not here: they do not give way. */
  readonly #underWay = new Map<string, Set<Body>>();
  #count = 0;
  #bytes = 0;

  constructor(options: BodyBudgetOptions) {
    this.#options = options;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bodies that are not whole yet. */
  get underWay(): number {
    return this.#count;
  }

  /**
   * Begins to hold a body. `sender`: who counts as one; `undefined` if that is not known. `breakOff` is called if it has to give way.
   * @throws {Problem} 429: there is no room, and nobody to make it.
   */
  open(sender: string | undefined, breakOff: (problem: Problem) => void): Held {
    const body: Body = { sender, bytes: 0, isWhole: false, breakOff };
    while (this.#count >= this.#options.maxUnderWay) this.#makeRoom(body, countOf);
    this.#count++;
    if (sender !== undefined) {
      const bodies = this.#underWay.get(sender) ?? new Set();
      this.#underWay.set(sender, bodies.add(body));
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
    const bodies = this.#underWay.get(body.sender);
    bodies?.delete(body);
    if (bodies?.size === 0) this.#underWay.delete(body.sender);
  }

  /** Breaks off another body than this one: of the sender that holds most by `weightOf`. */
  #makeRoom(body: Body, weightOf: (bodies: ReadonlySet<Body>) => number): void {
    const victim = body.sender === undefined ? undefined : this.#victim(body, weightOf);
    if (!victim) throw overloaded("too many request bodies are being read; try again shortly");
    this.#end(victim);
    this.#bytes -= victim.bytes;
    victim.bytes = 0;
    victim.breakOff(overloaded("others needed the room before this body was whole; send it without a pause"));
  }

  #victim(newcomer: Body, weightOf: (bodies: ReadonlySet<Body>) => number): Body | undefined {
    let [most, victim]: [number, Body | undefined] = [0, undefined];
    for (const bodies of this.#underWay.values()) {
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
