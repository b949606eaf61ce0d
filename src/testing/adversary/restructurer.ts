/**
 * Messages of another structure, in their sender's own name: what it sends, with lists doubled, emptied or padded with
 * parts of what it has heard, and numbers at their edges. Messages of its own within are signed again.
 * @module
 */
import type { Message, MessageKind, Signed } from "../../core/messages/messages.ts";
import { sign } from "../../node/environment.ts";
import { encodeFrame } from "../../wire/mod.ts";
import type { ForgerOptions } from "./message_forger.ts";
import { mutateStructure } from "./structural_mutations.ts";

/** The messages that are kept of each kind. */
const MEMORY = 4;

/** Restructures messages. */
export class Restructurer {
  readonly #options: ForgerOptions;
  readonly #heard = new Map<MessageKind, Message[]>();

  constructor(options: ForgerOptions) {
    this.#options = options;
  }

  /** Keeps a message, whose parts may pad others. */
  hear({ message }: Signed): void {
    const same = this.#heard.get(message.kind) ?? [];
    this.#heard.set(message.kind, same);
    if (same.length < MEMORY) same.push(message);
    else same[this.#options.random.int(0, MEMORY - 1)] = message;
  }

  /** The frame of a changed message, signed; `null`: the message format has no place for the change. */
  restructure(message: Message, batchBytes: Uint8Array | undefined): Uint8Array | null {
    const { random, signer, replica } = this.#options;
    const spare = [...this.#heard.values()].map((same) => random.pick(same));
    const resign = (changed: Signed, before: Signed): Signed => {
      return "replica" in before.message && before.message.replica === replica ? sign(signer, changed.message) : before;
    };
    try {
      return encodeFrame(sign(signer, mutateStructure(message, random, { spare, resign })), batchBytes);
    } catch {
      return null;
    }
  }
}
