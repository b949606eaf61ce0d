/**
 * What one replica has said to a watcher, as far as it is still of use.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { WatchedContent, WatchStatement } from "../../wire/mod.ts";

/** How far a replica may be ahead of what is agreed: numbers with changes and statements, and characters. */
const MAX_AHEAD = { numbers: 4_096, characters: 8 * 2 ** 20 };

/** One replica's statement that stands behind a change. */
export interface WatchVote {
  /** The replica. */
  readonly replica: ReplicaId;
  /** The text that it has signed, JSON. */
  readonly statement: string;
  /** The signature, hex. */
  readonly signature: string;
}

/** What a replica says of one number. */
export interface Said {
  /** Equal texts say the same. */
  readonly text: string;
  /** `null`: it has no changes that match. */
  readonly content: WatchedContent | null;
  readonly vote: WatchVote;
}

/** A statement's numbers. */
interface Cover {
  readonly from: number;
  readonly through: number;
  readonly vote: WatchVote;
}

/** One replica's statements, in ascending order of their numbers. */
export class Source {
  /** The number at which it began. */
  readonly start: number;
  #through: number;
  readonly #said = new Map<number, Said>();
  #covers: Cover[] = [];
  #characters = 0;

  constructor(start: number) {
    this.start = start;
    this.#through = start - 1;
  }

  /** The last number that it has told, or passed over. */
  get through(): number {
    return this.#through;
  }

  /** Whether a statement of it still counts. */
  get isUseful(): boolean {
    return this.#covers.length > 0;
  }

  /** Whether it is far ahead. */
  get isFull(): boolean {
    return this.#characters > MAX_AHEAD.characters || this.#said.size + this.#covers.length > MAX_AHEAD.numbers;
  }

  /** Returns false if it says something again. Without `keepsAll` the oldest is forgotten when there is too much. */
  add(
    vote: WatchVote,
    { from, through, batches }: WatchStatement,
    { keepsAll }: { readonly keepsAll: boolean },
  ): boolean {
    if (from <= this.#through) return false;
    this.#through = Math.max(through, from - 1);
    if (through < from) return true;
    this.#covers.push({ from, through, vote });
    this.#characters += vote.statement.length;
    for (const [sequence, content] of batches) {
      this.#said.set(sequence, { text: JSON.stringify(content), content, vote });
    }
    while (!keepsAll && this.isFull && this.#covers.length > 1) this.forgetTo(this.#covers[0]!.through);
    return true;
  }

  /** What it says of a number; `null`: nothing. */
  of(sequence: number): Said | null {
    const cover = this.#covers.find(({ from, through }) => from <= sequence && sequence <= through);
    return cover ? this.#said.get(sequence) ?? { text: "", content: null, vote: cover.vote } : null;
  }

  /** The numbers, `least` or above, at which it has something to say again. */
  startsFrom(least: number): readonly number[] {
    const starts = this.#covers.filter(({ through }) => through >= least).map(({ from }) => Math.max(from, least));
    return starts.length > 0 ? starts : [Math.max(this.#through + 1, least)];
  }

  /** These numbers are done. */
  forgetTo(last: number): void {
    for (const sequence of this.#said.keys()) {
      if (sequence > last) break;
      this.#said.delete(sequence);
    }
    let done = 0;
    for (; done < this.#covers.length && this.#covers[done]!.through <= last; done++) {
      this.#characters -= this.#covers[done]!.vote.statement.length;
    }
    if (done > 0) this.#covers = this.#covers.slice(done);
  }
}
