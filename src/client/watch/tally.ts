/**
 * Watching: every replica streams what it executes, signed, and a change counts once f + 1 replicas say the same of its
 * number. Numbers are taken one after another, so there is no gap and no repeat, whichever streams break meanwhile.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { quorum, weakQuorum } from "../../core/messages/quorum.ts";
import type { WatchedContent, WatchStatement } from "../../wire/mod.ts";
import { type Said, Source, type WatchVote } from "./source.ts";

/** An agreed statement: the content of a number, or that numbers were missed. */
export type Agreed =
  | {
    readonly kind: "content";
    readonly sequence: number;
    readonly content: WatchedContent;
    readonly votes: readonly WatchVote[];
  }
  | { readonly kind: "missed"; readonly from: number; readonly through: number };

/** A number at which no f + 1 replicas agree is given up after this time, if f + 1 replicas are beyond it, ms. */
const PATIENCE_MS = 30_000;
/** Once a quorum has said where it is, replicas have this long to reach what others say, ms. */
const BEGIN_MS = 1_000;

/** Counts what the replicas say. Times are of the monotonic clock, ms. */
export class Tally {
  readonly #n: number;
  readonly #needed: number;
  readonly #sources = new Map<ReplicaId, Source>();
  /** `null`: it is not known yet where the watch begins. */
  #next: number | null;
  /** Since when there has been no agreement about {@linkcode #next}, or where to begin, although there could be. */
  #stuckAt: number | null = null;

  /** `from`: the first number wanted; `null`: the present. */
  constructor({ n, from }: { readonly n: number; readonly from: number | null }) {
    this.#n = n;
    this.#needed = weakQuorum(n);
    this.#next = from;
  }

  /** The number to go on at; `null`: the present. */
  get next(): number | null {
    return this.#next;
  }

  /** Whether {@linkcode advance} may have another result later, without a new statement. */
  get isStuck(): boolean {
    return this.#stuckAt !== null;
  }

  /** The number from which on this replica is asked; `null`: from the present. */
  wantedOf(replica: ReplicaId): number | null {
    const source = this.#sources.get(replica);
    return source?.isUseful ? Math.max(source.through + 1, this.#next ?? 0) : this.#next;
  }

  /** Whether a replica is so far ahead that its stream must wait. */
  isAhead(replica: ReplicaId): boolean {
    return this.#next !== null && (this.#sources.get(replica)?.isFull ?? false);
  }

  /**
   * A replica has made a statement, whose signature is valid. Returns false if it says something again: correct ones do
   * not.
   */
  take(vote: WatchVote, statement: WatchStatement): boolean {
    let source = this.#sources.get(vote.replica);
    // What begins anew has nothing to do with what came before, unless that is still of use.
    if (!source || (statement.through < statement.from && !source.isUseful)) {
      this.#sources.set(vote.replica, source = new Source(statement.from));
    }
    return source.add(vote, statement, { keepsAll: this.#next !== null });
  }

  /** The next agreed statement; `null`: none yet. */
  advance(now: number): Agreed | null {
    this.#next ??= this.#begin(now);
    while (this.#next !== null) {
      const next = this.#next;
      const agreeing = this.#agreeing(next);
      if (!agreeing) return this.#missed(next, now);
      this.#goTo(next + 1);
      const { content } = agreeing[0]!;
      if (content) return { kind: "content", sequence: next, content, votes: agreeing.map(({ vote }) => vote) };
    }
    return null;
  }

  #goTo(next: number): void {
    this.#next = next;
    this.#stuckAt = null;
    for (const source of this.#sources.values()) source.forgetTo(next - 1);
  }

  /** f + 1 replicas that say the same of a number. */
  #agreeing(sequence: number): readonly Said[] | null {
    for (const group of this.#groups(sequence)) if (group.length >= this.#needed) return group.slice(0, this.#needed);
    return null;
  }

  /** The replicas that made a statement about a number, by the statement. */
  #groups(sequence: number): readonly (readonly Said[])[] {
    const groups = new Map<string, Said[]>();
    for (const source of this.#sources.values()) {
      const said = source.of(sequence);
      if (said) groups.set(said.text, [...groups.get(said.text) ?? [], said]);
    }
    return [...groups.values()];
  }

  /**
   * Finds the number at which a watch of the present begins. As for a query, a quorum is needed: for each result that a
   * client has got, one of the quorum knows it. The number is the highest one at which a replica begins and which f + 1
   * replicas have reached, so that the numbers before it exist. Replicas that lag, or that falsely say that they are
   * ahead, get a short time.
   */
  #begin(now: number): number | null {
    const sources = [...this.#sources.values()];
    if (sources.length < quorum(this.#n)) return null;
    const isReached = ({ start }: Source) =>
      sources.filter(({ through }) => through + 1 >= start).length >= this.#needed;
    this.#stuckAt ??= now;
    if (!sources.every(isReached) && now - this.#stuckAt < BEGIN_MS) return null;
    this.#goTo(Math.max(...sources.filter(isReached).map(({ start }) => start)));
    return this.#next;
  }

  /**
   * A number is missed if f + 1 replicas are beyond it, so that it exists, and no f + 1 can agree on it any more: the
   * others do not have it, or say different things, or are silent for long.
   */
  #missed(next: number, now: number): Agreed | null {
    const sources = [...this.#sources.values()];
    const beyond = sources.filter(({ through }) => through >= next).length;
    if (beyond < this.#needed) {
      this.#stuckAt = null;
      return null;
    }
    this.#stuckAt ??= now;
    const most = Math.max(0, ...this.#groups(next).map(({ length }) => length));
    const isHopeless = most + this.#n - beyond < this.#needed;
    if (!isHopeless && now - this.#stuckAt < PATIENCE_MS) return null;
    const from = this.#firstAgreed(next + 1) ?? this.#firstOfSome(next + 1);
    this.#goTo(from);
    return { kind: "missed", from: next, through: from - 1 };
  }

  /** The first number, `least` or above, of which f + 1 say the same. */
  #firstAgreed(least: number): number | null {
    const starts = [...this.#sources.values()].flatMap((source) => source.startsFrom(least)).sort((a, b) => a - b);
    return starts.find((start) => this.#agreeing(start) !== null) ?? null;
  }

  /**
   * The (f + 1)-th highest of the first numbers that replicas have to say: f liars can't push it beyond a correct one.
   */
  #firstOfSome(least: number): number {
    const starts = [...this.#sources.values()].map((source) => source.startsFrom(least)[0] ?? least);
    return starts.sort((a, b) => b - a)[this.#needed - 1]!;
  }
}
