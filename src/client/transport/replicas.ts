/**
 * What a client knows of the replicas: where they are, which is the primary, which can be relied on to answer.
 * @module
 */
import { type ReplicaId, replicaId, type View, view } from "../../core/messages/ids.ts";
import { primaryOf, weakQuorum } from "../../core/messages/quorum.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import { randomBelow } from "./random.ts";

/** One replica, as the client sees it. */
export interface Peer {
  readonly id: ReplicaId;
  /** Where signed requests go; ends with `/requests`. */
  readonly url: string;
  /** Where signed queries go. */
  readonly queryUrl: string;
  /** It failed to answer, or disagreed, when it was last asked; others are asked before it. */
  suspect: boolean;
  /** It asked to be left alone until then, ms of the monotonic clock. */
  notBefore: number;
}

/** All replicas. */
export class Replicas {
  /** How many equal replies make a result: one of them is a correct replica's. */
  readonly needed: number;
  readonly peers: readonly Peer[];
  readonly #n: number;
  /** The view that each replica last said it is in, by replica id. */
  readonly #views: View[];

  constructor(cluster: ClusterFile) {
    const members = cluster.genesis.replicas;
    this.#n = members.length;
    this.needed = weakQuorum(this.#n);
    this.#views = members.map(() => view(0));
    const peers = members.map(({ name }, index): Peer => {
      const base = cluster.urls[name]!.replace(/\/+$/, "");
      const [url, queryUrl] = [`${base}/requests`, `${base}/queries`];
      return { id: replicaId(index), url, queryUrl, suspect: false, notBefore: 0 };
    });
    // Clients start at different places, so that the backups share the work of answering.
    const start = randomBelow(peers.length);
    this.peers = [...peers.slice(start), ...peers.slice(0, start)];
  }

  /**
   * The view in which, or in a later one, at least one correct replica is: the (f + 1)-th highest claim. Fewer
   * than f + 1 liars can't raise it.
   */
  get view(): View {
    return [...this.#views].sort((a, b) => b - a)[this.needed - 1]!;
  }

  /** The primary of {@linkcode view}. */
  get primary(): ReplicaId {
    return primaryOf(this.view, this.#n);
  }

  /** A signed reply said which view its replica is in. */
  heard(from: ReplicaId, claimed: View): void {
    if (claimed > this.#views[from]!) this.#views[from] = claimed;
  }

  /**
   * All peers in the order in which to ask them. The first {@linkcode firstCount} are enough if they are what they
   * seem: the primary, and others so that f + 1 of them can be relied on.
   */
  byPreference(now: number): Peer[] {
    const primary = this.primary;
    const rank = (peer: Peer) => peer.id === primary ? 0 : isDoubtful(peer, now) ? 2 : 1;
    return [...this.peers].sort((a, b) => rank(a) - rank(b));
  }

  /** How many of `ordered` to ask at once: until f + 1 of them are not doubtful. */
  firstCount(ordered: readonly Peer[], now: number): number {
    let sound = 0;
    const last = ordered.findIndex((peer) => !isDoubtful(peer, now) && ++sound === this.needed);
    return last === -1 ? ordered.length : last + 1;
  }
}

function isDoubtful(peer: Peer, now: number): boolean {
  return peer.suspect || peer.notBefore > now;
}
