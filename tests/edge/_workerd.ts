/** Real workerd through Miniflare. */
// deno-lint-ignore no-import-prefix -- in the import map it would be downloaded by everybody who runs a replica
import { Miniflare } from "npm:miniflare@4.20260730.0";

/** A Worker with one Durable Object class. */
export interface WorkerdOptions {
  readonly script: string;
  readonly className: string;
  readonly bindings?: Readonly<Record<string, string>>;
  /** Where the objects' databases are. */
  readonly folder: string;
  readonly port?: number;
}

/** A running workerd. */
export interface Workerd extends AsyncDisposable {
  readonly url: string;
  readonly miniflare: Miniflare;
}

/** Starts workerd; it ends when it is disposed of, and with this process. */
export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const { script, className, bindings = {}, folder, port = 0 } = options;
  const miniflare = new Miniflare({
    modules: true,
    script,
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["nodejs_compat"],
    durableObjects: { REPLICA: { className, useSQLite: true } },
    durableObjectsPersist: folder,
    bindings,
    host: "127.0.0.1",
    port,
  });
  const end = () => void miniflare.dispose();
  globalThis.addEventListener("unload", end);
  const url = (await miniflare.ready).href.replace(/\/$/, "");
  return {
    url,
    miniflare,
    async [Symbol.asyncDispose]() {
      globalThis.removeEventListener("unload", end);
      await miniflare.dispose();
    },
  };
}
