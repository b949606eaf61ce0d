/**
 * `node:crypto`, as a server's runtime has it.
 * @module
 */
import type * as NodeCrypto from "node:crypto";
import { builtinCrypto } from "./builtin_crypto.ts";

/** The module. @throws {Error} that says what to import instead, where there is none. */
export function nodeCrypto(): typeof NodeCrypto {
  return builtinCrypto() ?? missing();
}

function missing(): never {
  throw new Error(
    "node:crypto is not here: replicas and their keys need Deno, Node 20.16 or later, Bun, or workerd with `nodejs_compat` and a " +
      "compatibility date from 2024-09-23 on; in a browser use the client, `@pbft/edge/client`",
  );
}
