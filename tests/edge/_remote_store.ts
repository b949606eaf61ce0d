/** A store that lies elsewhere, called over HTTP: both ends. */
import type { Digest } from "../../src/core/messages/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../../src/node/ports.ts";
import { fromHex, toHex } from "../../src/wire/mod.ts";

type Value = { readonly hex: string } | { readonly other: unknown };
type Call =
  | { readonly do: "load" | "close" }
  | { readonly do: "read"; readonly digests: readonly Digest[] }
  | {
    readonly do: "commit";
    readonly records: [string, Value][];
    readonly blobs: [Digest, Value][];
    readonly expected: unknown;
  };

const toValue = (value: unknown): Value => value instanceof Uint8Array ? { hex: toHex(value) } : { other: value };
const ofValue = (value: Value) => ("hex" in value ? fromHex(value.hex) : value.other) as Uint8Array | null;

/** The far end: makes a call, gives what is to be sent back. */
export async function call(store: Store, json: string): Promise<unknown> {
  const what: Call = JSON.parse(json, (_, value) => value === "NaN" ? NaN : value);
  try {
    switch (what.do) {
      case "close":
        return { result: await store.close() ?? null };
      case "load": {
        const { version, records } = await store.load();
        return { result: { version, records: Array.from(records, ([key, value]) => [key, toValue(value)]) } };
      }
      case "read":
        return { result: (await store.read(what.digests)).map(toValue) };
      case "commit": {
        const records = new Map(what.records.map(([key, value]) => [key, ofValue(value)]));
        const blobs = new Map(what.blobs.map(([key, value]) => [key, ofValue(value)]));
        return { result: await store.commit({ records, blobs }, what.expected as Version) };
      }
    }
  } catch (error) {
    const { name, message, expected, found } = error as StoreConflictError;
    return { error: { name, message, expected, found } };
  }
}

/** The near end. */
export class RemoteStore implements Store {
  readonly #send: (json: string) => Promise<string>;

  constructor(send: (json: string) => Promise<string>) {
    this.#send = send;
  }

  async load(): Promise<Loaded> {
    const { version, records } = await this.#call({ do: "load" }) as { version: Version; records: [string, Value][] };
    return { version, records: new Map(records.map(([key, value]) => [key, ofValue(value)!])) };
  }

  async read(digests: readonly Digest[]) {
    return (await this.#call({ do: "read", digests }) as Value[]).map(ofValue);
  }

  async commit({ records, blobs }: Writes, expected: Version) {
    return await this.#call({
      do: "commit",
      records: Array.from(records, ([key, value]) => [key, toValue(value)]),
      blobs: Array.from(blobs, ([key, value]) => [key, toValue(value)]),
      expected: Number.isNaN(expected) ? "NaN" : expected,
    }) as Version;
  }

  async close() {
    await this.#call({ do: "close" });
  }

  async #call(what: Call): Promise<unknown> {
    const { result, error } = JSON.parse(await this.#send(JSON.stringify(what)));
    if (!error) return result;
    if (error.name === "StoreConflictError") throw new StoreConflictError(error.expected, error.found);
    const Kind = { TypeError, RangeError }[error.name as string] ?? Error;
    throw new Kind(error.message);
  }
}
