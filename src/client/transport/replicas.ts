/**
 * A client's knowledge of the replicas: their URLs, the supposed primary, and which of them answer reliably.
 * @module
 */
import { type ReplicaId, replicaId, type View, view } from "../../core/messages/ids.ts";
import { primaryOf, weakQuorum } from "../../core/messages/quorum.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import type { Preference } from "./preference.ts";
import type { RandomIntegers } from "./random.ts";

/** One replica. */
export interface Peer {
  readonly id: ReplicaId;
  /** The URL for signed requests. It ends with `/requests`. */
  readonly url: string;
  /** The URL for signed queries. */
  readonly queryUrl: string;
  /** Its last answer failed or disagreed with the others. Replicas without this mark are preferred. */
  suspect: boolean;
  /** It asked for no requests before this time, ms of the monotonic clock. */
  notBefore: number;
}

/** All replicas. */
export class Replicas {
  /** f + 1: with this many equal replies, one is from a correct replica. */
  readonly needed: number;
  readonly peers: readonly Peer[];
  /** Which of them queries ask first; set by the first query. */
  preference: Preference | null = null;
  readonly #n: number;
  /** The latest view that each replica claimed, by replica id. */
  readonly #views: View[];

  constructor(cluster: ClusterFile, random: RandomIntegers) {
    const members = cluster.genesis.replicas;
    this.#n = members.length;
    this.needed = weakQuorum(this.#n);
    this.#views = members.map(() => view(0));
    const peers = members.map(({ name }, index): Peer => {
      const base = cluster.urls[name]!.replace(/\/+$/, "");
      const [url, queryUrl] = [`${base}/requests`, `${base}/queries`];
      return { id: replicaId(index), url, queryUrl, suspect: false, notBefore: 0 };
    });
    // Each client starts at a random replica, so that the backups share the load.
    const start = random() % peers.length;
    this.peers = [...peers.slice(start), ...peers.slice(0, start)];
  }

  /**
   * The (f + 1)-th highest claimed view. At least one correct replica is in this view or a later one, and f faulty
   * replicas cannot raise it.
   */
  get view(): View {
    return [...this.#views].sort((a, b) => b - a)[this.needed - 1]!;
  }

  /** The primary of {@linkcode view}. */
  get primary(): ReplicaId {
    return primaryOf(this.view, this.#n);
  }

  /** Notes the view that a signed reply claims. */
  heard(from: ReplicaId, claimed: View): void {
    if (claimed > this.#views[from]!) this.#views[from] = claimed;
  }

  /**
   * All peers in the order of preference. The first {@linkcode firstCount} are enough if they behave as expected: the
   * primary, and others until f + 1 of them are reliable.
   */
  byPreference(now: number): Peer[] {
    const primary = this.primary;
    const rank = (peer: Peer) => peer.id === primary ? 0 : isDoubtful(peer, now) ? 2 : 1;
    return [...this.peers].sort((a, b) => rank(a) - rank(b));
  }

  /** How many of `ordered` get the request at once: until f + 1 of them are not doubtful. */
  firstCount(ordered: readonly Peer[], now: number): number {
    let sound = 0;
    const last = ordered.findIndex((peer) => !isDoubtful(peer, now) && ++sound === this.needed);
    return last === -1 ? ordered.length : last + 1;
  }
}

function isDoubtful(peer: Peer, now: number): boolean {
  return peer.suspect || peer.notBefore > now;
}
