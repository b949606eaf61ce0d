/** A Durable Object whose stores are called over HTTP: for the conformance suite. */
import { type DurableObjectStorage, DurableObjectStore } from "../../src/stores/durable_object.ts";
import { call } from "./_remote_store.ts";

export class Stores {
  readonly #storage: DurableObjectStorage;
  readonly #instances = new Map<string, DurableObjectStore>();

  constructor(context: { readonly storage: DurableObjectStorage }) {
    this.#storage = context.storage;
  }

  async fetch(request: Request): Promise<Response> {
    const instance = new URL(request.url).searchParams.get("instance")!;
    let store = this.#instances.get(instance);
    if (!store) this.#instances.set(instance, store = new DurableObjectStore(this.#storage));
    return new Response(JSON.stringify(await call(store, await request.text())));
  }
}

interface Env {
  readonly REPLICA: { idFromName(name: string): unknown; get(id: unknown): Stores };
}

export default {
  fetch: (request: Request, { REPLICA }: Env) =>
    REPLICA.get(REPLICA.idFromName(new URL(request.url).pathname)).fetch(request),
};
