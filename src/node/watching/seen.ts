/**
 * What a listener sees of a replica's messages: each as it leaves, and as it arrives.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind, Result } from "../../core/messages/messages.ts";
import type { RejectionReason } from "../ports.ts";

/** A message in short. Fields that its kind does not have are left out. */
export interface MessageSummary {
  /** The kind; `unknown` if the frame cannot be read. */
  readonly kind: MessageKind | "unknown";
  /** The view that it names. */
  readonly view?: number;
  /** The sequence number that it names; of a status: the last executed one. */
  readonly sequence?: number;
  /** The first 12 hex digits of the digest that it names; of a request: of its own digest, which a reply names. */
  readonly digest?: string;
  /** Number of operations in a request. */
  readonly operations?: number;
  /** Size of its frame, bytes. */
  readonly bytes: number;
  /** The first 12 hex digits of its frame's hash: the same at both ends. */
  readonly id: string;
  /** The operations, where the listener gets payloads: the first few, each cut. */
  readonly payload?: readonly PayloadItem[];
}

/** One operation of a client. */
export interface PayloadItem {
  /** The client: its name, or its public key. */
  readonly client: string;
  /** The operation's timestamp. */
  readonly timestamp: number;
  /** The operation as text; as hex digits if it is none. */
  readonly operation: string;
}

/** The way of a message through one replica. */
export type Seen =
  /** The message leaves this replica, after the commit to its store. */
  | { readonly kind: "sent"; readonly to: ReplicaId | "all"; readonly message: MessageSummary }
  /**
   * The message arrived, and its signature is right. `from`: the member that signed it, or the client: its public key,
   * or a tag of its name, or the name itself where the listener gets payloads. `by`: the member that delivered it, where that is known.
   */
  | {
    readonly kind: "taken";
    readonly from: ReplicaId | string | null;
    readonly by?: ReplicaId;
    readonly message: MessageSummary;
  }
  /** The message arrived and was refused. `from`: the member that delivered it; `null`: a client or a stranger. */
  | {
    readonly kind: "refused";
    readonly from: ReplicaId | null;
    readonly message: MessageSummary;
    readonly reason: RejectionReason;
    readonly detail: string;
  }
  /** This replica answered a client. `request`: the `digest` of the client's request. */
  | {
    readonly kind: "replied";
    readonly client: string;
    readonly request: string;
    readonly sequence: number | null;
    readonly status: Result["status"] | RejectionReason;
  };

/** A listener of a replica's messages. */
export interface MessageListener {
  /** Whether it may see what clients ask: operations, and the names of unsigned clients. */
  readonly getsPayloads: boolean;
  /** Must not throw and must not block. */
  onSeen(seen: Seen): void;
}
