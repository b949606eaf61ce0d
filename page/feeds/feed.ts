/** Where events come from. */
import type { ClusterFacts, PageEvent } from "../model/event.ts";

/** What the page wants done. */
export type Action =
  | {
    readonly action: "stop" | "start" | "pause" | "resume" | "cut" | "join" | "lie";
    readonly replica: string;
  }
  | { readonly action: "request"; readonly operation: string; readonly replica?: string };

/** Receives what a feed tells. */
export interface Sink {
  /** The cluster is known, or is another one: the history begins anew. `at`: the time to show. */
  begin(facts: ClusterFacts, clock: "wall" | "virtual", at?: number): void;
  event(replica: number, at: number, event: PageEvent): void;
  /** All that came together is there. */
  flush(): void;
  /** What the feed has to say of itself; `null`: all is well. */
  trouble(text: string | null): void;
}

/** A feed. */
export interface Feed {
  /** For people: `live`, `seed 7`. */
  readonly name: string;
  /** Whether events come by themselves. */
  readonly isLive: boolean;
  readonly actions: readonly Action["action"][];
  /** An operation of the cluster's machine, where it is not the key-value machine. */
  readonly operation?: string | undefined;
  start(sink: Sink): void;
  stop(): void;
  /** Does something; resolves with what came of it, in words. @throws {Error} that says why it is impossible. */
  act(action: Action): Promise<string>;
  /** The page shows this time. Only a simulation needs to know. */
  want?(at: number): void;
  /**
   * The part of a link after `#` that opens this at a time (`null`: where it begins). `null` or left out: nobody else can open it.
   */
  link?(at: number | null): string | null;
}
