/**
 * Whether others can decode what a replica says.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Ready } from "../../core/io.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { decodeFrame, encodeFrame, wireLimits } from "../../wire/mod.ts";

/** The kinds of messages whose size depends on what happened. */
const LARGE: readonly MessageKind[] = ["status", "view-change", "new-view", "decision"];

/** The forms of the messages in one epoch. */
export class Forms {
  readonly #genesis: Genesis;
  /** Encoded messages that were found to be well-formed. */
  readonly #formed = new WeakSet<Uint8Array>();

  constructor(genesis: Genesis) {
    this.#genesis = genesis;
  }

  /** The flaw of a step's messages; `null`: none. */
  flawOf({ messages }: Pick<Ready, "messages">): string | null {
    for (const { message: { message, bytes, signature } } of messages) {
      if (!LARGE.includes(message.kind) || this.#formed.has(bytes)) continue;
      this.#formed.add(bytes);
      try {
        decodeFrame(encodeFrame({ message, bytes, signature }), wireLimits(this.#genesis));
      } catch (error) {
        return `says what nobody takes: ${error instanceof Error ? error.message : error}`;
      }
    }
    return null;
  }
}
