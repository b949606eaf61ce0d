import type { Store } from "../../src/node/ports.ts";
import { testStore } from "../stores/conformance.ts";
import { bundleForWorkerd } from "./_bundle.ts";
import { RemoteStore } from "./_remote_store.ts";
import { startWorkerd, type Workerd } from "./_workerd.ts";

let shared: Workerd;
let folder: string;
let count = 0;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir();
  const script = await bundleForWorkerd("tests/edge/_store_worker.ts");
  shared = await startWorkerd({ script, className: "Stores", folder });
});

Deno.test.afterAll(async () => {
  await shared[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

testStore("durable object in workerd", async () => {
  const object = `${shared.url}/${++count}`;
  const reopen = (): Promise<Store> => {
    const instance = String(++count);
    const url = `${object}?instance=${instance}`;
    return Promise.resolve(
      new RemoteStore(async (body) => await (await fetch(url, { method: "POST", body })).text()),
    );
  };
  return { store: await reopen(), reopen, close: () => Promise.resolve() };
  // Miniflare has timers of its own.
}, { sanitizeOps: false, sanitizeResources: false });
