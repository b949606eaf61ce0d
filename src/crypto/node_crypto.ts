/**
 * `node:crypto`, as a server's runtime has it. It is asked for when it is needed first, and not imported: so a page may import what it
 * uses of `@pbft/edge`, and a bundler for browsers finds nothing there that it can't resolve.
 * @module
 */
import type * as NodeCrypto from "node:crypto";

/** What the runtimes have of `process`. */
interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => typeof NodeCrypto | undefined };
}

let known: typeof NodeCrypto | undefined;

/** Whether this runtime has the module. */
export function hasNodeCrypto(): boolean {
  known ??= (globalThis as Runtime).process?.getBuiltinModule?.("node:crypto");
  // A bundler may put an incomplete stand-in in its place.
  return typeof known?.sign === "function" && typeof known.verify === "function";
}

/** The module. @throws {Error} that says what to import instead, where there is none. */
export function nodeCrypto(): typeof NodeCrypto {
  return known ??= (globalThis as Runtime).process?.getBuiltinModule?.("node:crypto") ?? missing();
}

function missing(): never {
  throw new Error(
    "node:crypto is not here: replicas and their keys need Deno, Node 20.16 or later, Bun, or workerd with `nodejs_compat` and a " +
      "compatibility date from 2024-09-23 on; in a browser use the client, `@pbft/edge/client`",
  );
}
