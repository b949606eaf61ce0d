/**
 * Splits a text command into words.
 * @module
 */
import { OperationError } from "../core/state_machine.ts";
import { shown } from "./_text.ts";

/** A word, and whether it was in quotes. */
export interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

/** Reads a command from left to right. */
export class Words {
  readonly #command: string;
  readonly #end: number;
  #at: number;

  constructor(command: string) {
    let start = 0;
    let end = command.length;
    while (start < end && isSpace(command, start)) start++;
    while (end > start && isSpace(command, end - 1)) end--;
    this.#command = command;
    this.#at = start;
    this.#end = end;
  }

  /** Whether a word is left. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** The next word. `what` describes it for the error. @throws {OperationError} if no word is left. */
  next(what: string): Word {
    if (!this.more) throw new OperationError(`command: expected ${what}, got the end of it`);
    const quoted = this.#command.charCodeAt(this.#at) === QUOTE;
    const end = quoted ? this.#quotedEnd() : this.#bareEnd();
    const text = this.#command.slice(this.#at, end);
    if (quoted && end < this.#end && !isSpace(this.#command, end)) {
      throw new OperationError(`command: expected white space after ${shown(text)}, got ${shown(this.#command[end])}`);
    }
    this.#at = end;
    while (this.more && isSpace(this.#command, this.#at)) this.#at++;
    return { text: quoted ? unquoted(text) : this.#own(text), quoted };
  }

  /**
   * The rest of the command as one word; if it starts with a quote, only the quoted word.
   * @throws {OperationError} if nothing is left.
   */
  rest(what: string): Word {
    if (!this.more || this.#command.charCodeAt(this.#at) === QUOTE) return this.next(what);
    const text = this.#command.slice(this.#at, this.#end);
    this.#at = this.#end;
    return { text: this.#own(text), quoted: false };
  }

  /** Checks that nothing is left. @throws {OperationError} if something is. */
  end(): void {
    if (this.more) {
      throw new OperationError(`command: expected its end, got ${shown(this.#command.slice(this.#at, this.#end))}`);
    }
  }

  /**
   * Copies a text that is a small part of a large command. Otherwise the machine would keep the whole command in memory
   * with it.
   */
  #own(text: string): string {
    return this.#command.length > 2 * text.length + 1024 ? JSON.parse(JSON.stringify(text)) : text;
  }

  #bareEnd(): number {
    let end = this.#at;
    while (end < this.#end && !isSpace(this.#command, end)) end++;
    return end;
  }

  #quotedEnd(): number {
    for (let end = this.#at + 1; end < this.#end; end++) {
      const unit = this.#command.charCodeAt(end);
      if (unit === QUOTE) return end + 1;
      if (unit === BACKSLASH) end++;
    }
    throw new OperationError(
      `command: expected a closing quote, got ${shown(this.#command.slice(this.#at, this.#end))}`,
    );
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isSpace(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    throw new OperationError(`command: expected a JSON string, got ${shown(text)}`);
  }
}
