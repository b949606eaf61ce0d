/** Who has answered: a `fetch` for the client that takes note. */
import type { ClusterFile } from "@pbft/edge/client";
import { listOf } from "./dom.ts";

/** What is known of a replica since the question began. */
export type Heard = "answered" | "refused" | "not reached";

/** The replicas that were asked. */
export class Answers {
  readonly heard = new Map<string, Heard>();
  readonly #names: readonly (readonly [url: string, name: string])[];
  readonly #number: number;
  #began = 0;

  constructor({ genesis, urls }: ClusterFile) {
    this.#number = genesis.replicas.length;
    this.#names = Object.entries(urls).map(([name, url]) => [`${url.replace(/\/+$/, "")}/`, name]);
  }

  /** To be given to the client. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const name = this.#names.find(([base]) => url.startsWith(base))?.[1];
    try {
      const response = await fetch(input, init);
      if (name !== undefined) this.heard.set(name, response.status < 400 ? "answered" : "refused");
      return response;
    } catch (error) {
      // What was aborted is not needed any more.
      if (name !== undefined && !init?.signal?.aborted) this.heard.set(name, "not reached");
      throw error;
    }
  };

  /** Another question begins. */
  begin(): void {
    this.heard.clear();
    this.#began = performance.now();
  }

  /** Where the question is: "asking 4 replicas… 2.1 s; Apple has answered; Ball is not reached". */
  get words(): string {
    const seconds = ((performance.now() - this.#began) / 1_000).toFixed(1);
    const of = (heard: Heard) => listOf([...this.heard].flatMap(([name, what]) => what === heard ? [name] : []));
    const parts = (["answered", "refused", "not reached"] as const).map((heard) => [of(heard), heard] as const);
    return [
      `asking ${this.#number} replicas… ${seconds} s`,
      ...parts.flatMap(([names, heard]) => names === "" ? [] : [`${heard}: ${names}`]),
    ].join("; ");
  }
}
