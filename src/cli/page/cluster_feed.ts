/**
 * The events of all replicas as one stream for the page. It listens to the replicas only while somebody reads, so that
 * any number of pages costs a replica one stream.
 * @module
 */
import { EventFeed, lastEventId } from "../../http/routes/event_feed.ts";
import type { Timer } from "../../node/ports.ts";
import { ReplicaStream } from "./replica_stream.ts";

/** How a replica's process is. */
export type ProcessState = "running" | "stopped" | "paused" | "cut";

/** Options of {@linkcode ClusterFeed}. */
export interface ClusterFeedOptions {
  readonly timer: Timer;
  /** The cluster's name. */
  readonly name: string;
  /** The members in the genesis's order. */
  readonly members: readonly { readonly name: string; readonly url: string }[];
  readonly stateOf: (name: string) => ProcessState;
}

/** Pages that may read at once. */
const MAX_READERS = 32;
/** Events buffered for a slow page, and kept for one that comes back. */
const MAX_EVENTS = 8_192;
/** The least time between two snapshots, ms. */
const SNAPSHOT_PAUSE_MS = 250;

/** The stream of one cluster. */
export class ClusterFeed {
  readonly #options: ClusterFeedOptions;
  readonly #feed: EventFeed;
  #streams: ReplicaStream[] = [];
  #startedAt = 0;

  constructor(options: ClusterFeedOptions) {
    this.#options = options;
    this.#feed = new EventFeed({
      timer: options.timer,
      maxQueued: MAX_EVENTS,
      maxKept: MAX_EVENTS,
      onWanted: (isWanted) => this.#listen(isWanted),
    });
  }

  /** Opens a stream for a page; `null`: there are too many. `after`: the header `Last-Event-ID`. */
  open(after: string | undefined): Response | null {
    if (this.#feed.size >= MAX_READERS) return null;
    const { name, members, stateOf, timer } = this.#options;
    const response = this.#feed.open({
      at: timer.now(),
      clusterName: name,
      members: members.map((member) => member.name),
      states: members.map((member) => stateOf(member.name)),
    }, { after: lastEventId(after) });
    this.#refresh();
    return response;
  }

  /** A replica's process is in another state. */
  changed(name: string): void {
    const { members, stateOf, timer } = this.#options;
    const replica = members.findIndex((member) => member.name === name);
    this.#feed.send("state", () => ({ replica, at: timer.now(), kind: "state", state: stateOf(name) }));
  }

  /** Keeps idle streams open. */
  keepAlive(): void {
    this.#feed.sendComment();
  }

  close(): void {
    this.#feed.close();
  }

  /** Asks each replica for a snapshot, for a page that has just come. */
  #refresh(): void {
    const now = this.#options.timer.monotonic();
    if (now - this.#startedAt < SNAPSHOT_PAUSE_MS) return;
    this.#startedAt = now;
    for (const stream of this.#streams) stream.again();
  }

  #listen(isWanted: boolean): void {
    for (const stream of this.#streams.splice(0)) stream.close();
    if (!isWanted) return;
    const { members, timer } = this.#options;
    this.#startedAt = timer.monotonic();
    this.#streams = members.map(({ url }, replica) =>
      new ReplicaStream({
        url,
        // Each event is an object: the replica's number is put in front of its fields.
        onEvent: (kind, data) => this.#feed.sendJson(kind, `{"replica":${replica},${data.slice(1)}`),
        onUnreachable: (reason) =>
          this.#feed.send("unreachable", () => ({ replica, at: timer.now(), kind: "unreachable", reason })),
      })
    );
  }
}
