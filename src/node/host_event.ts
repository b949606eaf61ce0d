/**
 * Events on the host or on the way to another member: problems, and their ends. The replica itself keeps running.
 * @module
 */
import type { ReplicaId, SequenceNumber } from "../core/messages/ids.ts";

/** An event of the host. */
export type HostEvent =
  /** Deliveries to a member fail. Reported once, and again with a new reason. */
  | { readonly kind: "peer-unreachable"; readonly peer: ReplicaId; readonly reason: string }
  /** Deliveries to the member work again, `afterMs` after the first failure. */
  | { readonly kind: "peer-reached"; readonly peer: ReplicaId; readonly afterMs: number }
  /** A WebSocket to a member does not deliver. Messages to it are POSTed, and no socket is tried for `retryMs`. */
  | {
    readonly kind: "socket-failed";
    readonly peer: ReplicaId;
    readonly reason: string;
    readonly retryMs: number;
  }
  /** A member delivers more faulty frames than a correct one can, and counts as a stranger for `forMs`. */
  | { readonly kind: "member-distrusted"; readonly peer: ReplicaId; readonly forMs: number }
  /** A call of the store failed or timed out. The replica is reloaded from it until that works. */
  | { readonly kind: "store-failed"; readonly reason: string }
  /** A commit has succeeded after such failures. */
  | { readonly kind: "store-works" }
  /**
   * The host could not accept a connection, most likely because it had no file descriptors left. Under Deno idle connections
   * were closed.
   */
  | { readonly kind: "accept-failed"; readonly reason: string }
  /** The replica has entered an epoch, or was opened in it. `isMember`: whether it is a member of it. */
  | {
    readonly kind: "epoch-entered";
    readonly epoch: number;
    /** The number of the checkpoint at which the epoch starts; 0 in epoch 0. */
    readonly since: number;
    /** The members' names by replica id, and their URLs by name. */
    readonly members: readonly string[];
    readonly urls: Readonly<Record<string, string>>;
    readonly isMember: boolean;
  }
  /** The replica was removed, and nobody needs it any more. It stops, if its host was told to do so. */
  | { readonly kind: "departed"; readonly epoch: number; readonly urls: Readonly<Record<string, string>> }
  /** The next epoch could not be entered. It is tried again. */
  | { readonly kind: "epoch-failed"; readonly reason: string }
  /** This member has not the version of the state machine that is in force. It waits until it is started with it. */
  | { readonly kind: "version-lacking"; readonly version: string; readonly has: readonly string[] }
  /** This member's key was changed on schedule: the replica of the new one, with the state, has taken its place. */
  | { readonly kind: "key-rotated"; readonly publicKey: string; readonly epoch: number }
  /** The key could not be changed on schedule. The present one stays in use, and it is tried again. */
  | { readonly kind: "rotation-failed"; readonly reason: string }
  /** Parts of the state in the store are lost or damaged; they are fetched from the other members. */
  | { readonly kind: "state-damaged"; readonly blobs: number }
  /** A snapshot of the state at `sequence` was saved; `bytes`: those that were new. */
  | {
    readonly kind: "snapshot-saved";
    readonly sequence: SequenceNumber;
    readonly bytes: number;
    readonly tookMs: number;
  }
  /** A snapshot could not be saved. The next one is tried at its time. */
  | { readonly kind: "snapshot-failed"; readonly reason: string }
  /**
   * This host's clock is `aheadMs` ahead of the other members' (negative: behind). Reported once, and then each hour.
   */
  | { readonly kind: "clock-wrong"; readonly aheadMs: number }
  /** The clock is right again. */
  | { readonly kind: "clock-right"; readonly aheadMs: number };
