/**
 * Options of a member over its epochs.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Entered, Epoch } from "../../wire/epochs/mod.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import type { ReplicaNode } from "../node.ts";
import type { NodeOptions } from "../options.ts";
import type { Transport } from "../ports.ts";
import { keptOpen } from "./chain_store.ts";
import type { Place } from "./place.ts";

/** Asks other members, wherever they are. */
export interface MemberSource {
  /** The encoded links after this epoch that the member at this URL has; none if it knows of no later epoch. */
  links(url: string, after: number): Promise<readonly Uint8Array[]>;
  /** Blobs of the state that the member at this URL has. `frame`: that of a signed fetch in this epoch. */
  blobs(url: string, epoch: number, frame: Uint8Array): Promise<readonly Uint8Array[]>;
  /** The frames of the last stable checkpoint's certificate that the member at this URL has in its epoch. */
  stable?(url: string): Promise<readonly Uint8Array[]>;
  /** What the member at this URL has signed about the state of its epoch; `null` if it lacks the state. */
  entered?(url: string): Promise<Entered | null>;
  /** Tells the server at this URL that there is a later epoch, so that it asks for the links. */
  poke?(url: string): Promise<void>;
}

/** Options of a member. */
export interface ClusterMemberOptions extends Omit<NodeOptions, "self" | "genesis" | "transport" | "epoch" | "past"> {
  /** The genesis, which is trusted, and URLs of its members. */
  readonly cluster: ClusterFile;
  /** Links that are known, from epoch 0 on. They are checked. */
  readonly chain?: readonly Uint8Array[] | undefined;
  /** URLs of members to ask for links, beside those that the last epochs name. */
  readonly join?: readonly string[] | undefined;
  /** Makes the transport to the other members of an epoch. */
  readonly transport: (epoch: Epoch, self: ReplicaId) => Transport;
  /** Asks other members. Without it this one follows only what it closes itself. */
  readonly source?: MemberSource | undefined;
  /** Called whenever this member has entered an epoch. `node`: its replica; `null` if it is no member of the epoch. */
  readonly onEpoch?: (entered: EnteredEpoch) => void;
  /**
   * Called once when this member was removed and nobody needs it any more: a quorum of the next epoch has the state.
   * `present`: the last epoch that it knows.
   */
  readonly onDeparted?: (present: Epoch) => void;
  /** How long it goes on then, so that who was away learns from it where the cluster went, ms. Default 15,000. */
  readonly lingerMs?: number;
}

/** What a member has entered. */
export interface EnteredEpoch {
  readonly epoch: Epoch;
  readonly node: ReplicaNode | null;
}

/** The options of the node that a member runs in an epoch. The store stays open when the node is closed. */
export function nodeOptionsIn(
  { epoch, links }: { readonly epoch: Epoch; readonly links: readonly Uint8Array[] },
  place: Place,
  options: ClusterMemberOptions,
): NodeOptions {
  const { source: _, chain: _chain, join: _join, onEpoch: _onEpoch, cluster, ...rest } = options;
  const past = { genesis: cluster.genesis, links };
  const transport = options.transport(epoch, place.self);
  return { ...rest, ...place, epoch, past, genesis: epoch.genesis, transport, store: keptOpen(options.store) };
}
