/**
 * The port between a coalition and one of its schemes.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Frame } from "../../wire/mod.ts";

/** Something that a member is about to say. */
export interface Speech {
  readonly member: ReplicaId;
  readonly to: ReplicaId;
  readonly frame: Uint8Array;
  readonly content: Frame;
  readonly afterMs: number;
}

/** What goes out in its place. */
export interface Statement {
  readonly frame: Uint8Array;
  /** By so much later, ms. */
  readonly afterMs?: number;
}

/** One thing that a coalition is up to. */
export interface Scheme {
  /** What goes out instead of what a member's core wants to say; `null`: this scheme leaves it as it is. */
  says?(speech: Speech): readonly Statement[] | null;
  /** A member hears something. */
  hears?(content: Frame, member: ReplicaId): void;
  /** Whether a member's own core is to hear it. */
  lets?(content: Frame): boolean;
  /** Some time has passed. */
  ticks?(): void;
}
