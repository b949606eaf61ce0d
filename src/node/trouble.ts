/**
 * What goes wrong around a replica, on its host or on the way to another member, while the replica itself goes on.
 * @module
 */
import type { ReplicaId } from "../core/messages/ids.ts";

/** One such thing. */
export type Trouble =
  /** Nothing can be delivered to a member. Told once, and again when the reason is another one. */
  | { readonly kind: "peer-unreachable"; readonly peer: ReplicaId; readonly reason: string }
  /** It took something again, `afterMs` after the first failure. */
  | { readonly kind: "peer-reached"; readonly peer: ReplicaId; readonly afterMs: number }
  /** A WebSocket to a member is of no use: what goes to it is POSTed, and no socket is tried for `retryMs`. */
  | {
    readonly kind: "socket-failed";
    readonly peer: ReplicaId;
    readonly reason: string;
    readonly retryMs: number;
  }
  /** The store failed, or did not answer in time. The replica is read from it again, until that works. */
  | { readonly kind: "store-failed"; readonly reason: string }
  /** The host could not take a connection, for want of descriptors most likely. Idle connections were closed. */
  | { readonly kind: "accept-failed"; readonly reason: string }
  /** This host's clock is so far ahead of the other members', or behind them if it is less than 0. Told once, and each hour. */
  | { readonly kind: "clock-wrong"; readonly aheadMs: number }
  /** It is right again. */
  | { readonly kind: "clock-right"; readonly aheadMs: number };
