/**
 * The port between a coalition and one of its schemes.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Frame } from "../../wire/mod.ts";

/** A message that a member is about to send. */
export interface Speech {
  readonly member: ReplicaId;
  readonly to: ReplicaId;
  readonly frame: Uint8Array;
  readonly content: Frame;
  readonly afterMs: number;
}

/** The message that leaves in its place. */
export interface Statement {
  readonly frame: Uint8Array;
  /** Its delay, ms. */
  readonly afterMs?: number;
}

/** One scheme of a coalition. */
export interface Scheme {
  /** The messages that leave instead of a member's; `null`: this scheme leaves it as it is. */
  says?(speech: Speech): readonly Statement[] | null;
  /** A member receives a message. */
  hears?(content: Frame, member: ReplicaId): void;
  /** Whether a member's own core receives this message. */
  lets?(content: Frame): boolean;
  /** Some time has passed. */
  ticks?(): void;
}
