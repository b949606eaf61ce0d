/**
 * The port between a faulty replica and the world.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";

/** What stands between a faulty replica and the world. */
export interface FaultInjector {
  /** The messages that leave instead of these frames, and their delay, ms. */
  outgoing(
    to: ReplicaId,
    frames: readonly Uint8Array[],
  ): readonly { readonly frame: Uint8Array; readonly afterMs: number }[];
  /** Gets the incoming frames; returns those that the replica is to receive. */
  incoming(frames: readonly Uint8Array[]): readonly Uint8Array[];
  /** The reply that a client gets instead of this one to what it `asked`; `null`: none. */
  reply(frame: Uint8Array, asked: Uint8Array): Uint8Array | null;
}
