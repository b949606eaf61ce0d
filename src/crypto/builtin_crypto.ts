/**
 * Whether this runtime has `node:crypto`. It is asked for when it is needed first, and not imported: so a page may import what it uses of
 * `@pbft/edge`, and a bundler for browsers finds nothing there that it can't resolve.
 * @module
 */
import type * as NodeCrypto from "node:crypto";

/** What the runtimes have of `process`. */
interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => typeof NodeCrypto | undefined };
}

let known: typeof NodeCrypto | undefined;

/** The module, if the runtime has it. */
export function builtinCrypto(): typeof NodeCrypto | undefined {
  return known ??= (globalThis as Runtime).process?.getBuiltinModule?.("node:crypto");
}

/** Whether this runtime has the module. */
export function hasNodeCrypto(): boolean {
  const found = builtinCrypto();
  // A bundler may put an incomplete stand-in in its place.
  return typeof found?.sign === "function" && typeof found.verify === "function";
}
