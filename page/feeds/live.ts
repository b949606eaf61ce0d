/** The feed of running replicas, as server-sent events. */
import { serverEvents } from "../../src/page/event_lines.ts";
import { factsOf, type PageEvent, type ProcessState } from "../model/event.ts";
import type { Action, Feed, Sink } from "./feed.ts";

/** What the server says of itself in `settings.json`. */
export interface Settings {
  /** Left out: there are no running replicas. */
  readonly feed?: string;
  readonly operate?: string;
  readonly simulator?: string;
  readonly version: string;
  /** An operation of a machine that is not the key-value machine. */
  readonly operation?: string;
}

interface First {
  readonly members: readonly string[];
  readonly clusterName: string;
  /** In the stream of one replica. */
  readonly self?: number;
  /** In the stream of a supervisor. */
  readonly states?: readonly ProcessState[];
  readonly at: number;
}

const RETRY_MS = 1_000;

/** Running replicas. */
export class LiveFeed implements Feed {
  readonly name = "live";
  readonly isLive = true;
  readonly actions: readonly Action["action"][];
  readonly operation: string | undefined;
  readonly #settings: Settings & { readonly feed: string };
  readonly #token: string | null;
  readonly #closing = new AbortController();
  #last: string | null = null;
  #self = -1;
  #hasBegun = "";
  /** The states that were told. */
  readonly #states = new Map<number, ProcessState>();

  constructor(settings: Settings & { readonly feed: string }, token: string | null) {
    this.#settings = settings;
    this.operation = settings.operation;
    this.#token = token;
    this.actions = settings.operate === undefined ? [] : ["stop", "start", "pause", "resume", "cut", "join", "request"];
  }

  start(sink: Sink): void {
    void this.#run(sink);
  }

  stop(): void {
    this.#closing.abort();
  }

  async act(action: Action): Promise<string> {
    const response = await fetch(this.#settings.operate!, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#authorization() },
      body: JSON.stringify(action),
    }).catch((error: Error) => {
      const { host } = new URL(this.#settings.operate!, location.href);
      throw new Error(`${host} gives no answer (${error.message}), so it may be done or not; is the cluster running?`);
    });
    const answer = await response.json() as Record<string, unknown>;
    if (!response.ok) throw new Error(String(answer.detail ?? response.status));
    if (action.action !== "request") return `${action.replica}: ${String(answer.state)}`;
    return `${action.operation}: ${JSON.stringify(answer.result ?? answer)}`;
  }

  async #run(sink: Sink): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const headers = { ...this.#authorization(), ...(this.#last !== null && { "last-event-id": this.#last }) };
        const response = await fetch(this.#settings.feed, { headers, signal, cache: "no-store" });
        if (!response.ok) throw new Error(await refusal(response));
        for await (const { id, kind, data } of serverEvents(response.body!)) {
          if (id !== null) this.#last = String(id);
          this.#take(kind, JSON.parse(data), sink);
        }
        throw new Error("the server ended the stream");
      } catch (error) {
        if (signal.aborted) return;
        sink.trouble(
          `${(error as Error).message}. Looked at: ${
            new URL(this.#settings.feed, location.href).host
          }. Trying again each second; is the cluster running?`,
        );
        sink.flush();
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #take(kind: string, data: Record<string, unknown> & { at: number; replica?: number }, sink: Sink): void {
    if (kind === "snapshot" && Array.isArray(data.members)) {
      sink.trouble(null);
      this.#begin(data as unknown as First, sink);
      // The snapshot of a supervisor has no replica of its own.
      if (this.#self < 0 && data.replica === undefined) return sink.flush();
    }
    if (kind === "dropped") sink.event(-1, Date.now(), { kind: "gap", events: Number(data.events) });
    else {
      if (kind === "state") this.#states.set(data.replica!, data.state as ProcessState);
      const event = (kind === "snapshot" ? { ...data, kind } : data) as unknown as PageEvent;
      sink.event(data.replica ?? this.#self, data.at, event);
    }
    sink.flush();
  }

  #begin(
    { members, clusterName, self = -1, states, at, ...more }: First & { readonly replica?: number },
    sink: Sink,
  ): void {
    if (more.replica !== undefined) return;
    this.#self = self;
    const key = [clusterName, ...members].join("\n");
    if (this.#hasBegun !== key) this.#states.clear();
    if (this.#hasBegun !== key) sink.begin(factsOf(clusterName, members), "wall");
    this.#hasBegun = key;
    states?.forEach((state, replica) => {
      if ((this.#states.get(replica) ?? "running") !== state) sink.event(replica, at, { kind: "state", state });
      this.#states.set(replica, state);
    });
  }

  #authorization(): Record<string, string> {
    return this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
  }
}

async function refusal(response: Response): Promise<string> {
  if (response.status === 403) {
    return "The server does not let this page read: open the link that the command printed, it contains the token";
  }
  const { detail } = await response.json().catch(() => ({})) as { detail?: string };
  return `The server answers ${response.status}${detail ? `: ${detail}` : ""}`;
}
