/** All flags in memory, kept current: for a server and for a page. */
import { type ClientOptions, createClient, type TypedClient } from "@pbft/edge/client";
import type { Machine } from "@pbft/edge/machine";
import { evaluate, type Evaluated, type Subject } from "./evaluate.ts";
import { follow } from "./follow.ts";
import { type Flag, flags, PAGE, type Value } from "./machine.ts";

/** The calls of the machine. */
export type FlagCalls = typeof flags extends Machine<infer Types> ? TypedClient<Types> : never;

/** The flags of a cluster. */
export class FlagClient {
  readonly calls: FlagCalls;
  readonly #flags = new Map<string, Flag>();
  readonly #ended = new AbortController();
  /** Called after a change, with the flag's name; `null`: all were read anew. */
  onChange: (name: string | null) => void = () => {};
  /** Called when the flags may be old, with the reason, and with `null` when they are current again. */
  onTrouble: (error: unknown) => void = () => {};

  private constructor(options: ClientOptions) {
    this.calls = createClient(flags, options);
  }

  /** Reads all flags, and goes on to follow their changes. `signal`: ends the start. */
  static async start({ signal, ...options }: ClientOptions & { readonly signal?: AbortSignal }): Promise<FlagClient> {
    const client = new FlagClient(options);
    const giveUp = () => client.close();
    signal?.addEventListener("abort", giveUp);
    try {
      await follow(client.calls, {
        signal: client.#ended.signal,
        read: () => client.#read(),
        onFlag: (name, flag) => client.#set(name, flag),
        onTrouble: (error) => client.onTrouble(error),
      });
    } catch (error) {
      client.close();
      throw error;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
    return client;
  }

  /** The names of all flags. */
  get names(): readonly string[] {
    return [...this.#flags.keys()].sort();
  }

  get(name: string): Flag | undefined {
    return this.#flags.get(name);
  }

  /** The value of a flag for a subject, and why; `null`: there is no such flag. */
  evaluate(name: string, subject: Subject): Evaluated | null {
    const flag = this.#flags.get(name);
    return flag ? evaluate(name, flag, subject) : null;
  }

  /** The value of a flag for a subject. `otherwise`: if there is no such flag. */
  value(name: string, subject: Subject, otherwise: Value = false): Value {
    return this.evaluate(name, subject)?.value ?? otherwise;
  }

  close(): void {
    this.#ended.abort(new Error("closed"));
    this.calls.close();
  }

  async #read(): Promise<void> {
    const all = new Map<string, Flag>();
    let after: string | undefined;
    do {
      const page = await this.calls.all(after === undefined ? {} : { after });
      for (const [name, flag] of page) all.set(name, flag);
      after = page.length < PAGE ? undefined : page.at(-1)?.[0];
    } while (after !== undefined);
    this.#flags.clear();
    for (const [name, flag] of all) this.#flags.set(name, flag);
    this.onChange(null);
  }

  #set(name: string, flag: Flag | undefined): void {
    // A change that was read already.
    if (flag && flag.revision < (this.#flags.get(name)?.revision ?? 0)) return;
    if (flag) this.#flags.set(name, flag);
    else this.#flags.delete(name);
    this.onChange(name);
  }
}
