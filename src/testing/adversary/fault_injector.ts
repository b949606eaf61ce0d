/**
 * The port between a faulty replica and the world.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";

/** What stands between a faulty replica and the world. */
export interface FaultInjector {
  /** What goes out instead of these frames, and how much later, ms. */
  outgoing(
    to: ReplicaId,
    frames: readonly Uint8Array[],
  ): readonly { readonly frame: Uint8Array; readonly afterMs: number }[];
  /** Hears what comes in; gives what it lets the replica take. */
  incoming(frames: readonly Uint8Array[]): readonly Uint8Array[];
  /** What a client gets instead of this reply to what it `asked`; `null`: nothing. */
  reply(frame: Uint8Array, asked: Uint8Array): Uint8Array | null;
}
