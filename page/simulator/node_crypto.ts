/** `node:crypto` where there is none: the id of a simulated cluster is a real one, so that a seed is the same run here and there. */
import { concatBytes } from "../../src/core/tree/bytes.ts";
import { sha256Hex } from "./sha256.ts";

class Hash {
  #bytes: Uint8Array = new Uint8Array();

  update(bytes: Uint8Array): this {
    this.#bytes = concatBytes([this.#bytes, bytes]);
    return this;
  }

  digest(_encoding: "hex"): string {
    return sha256Hex(this.#bytes);
  }
}

/** Puts it where `src/crypto/builtin_crypto.ts` looks for it. Signatures are the simulator's own. */
export function installNodeCrypto(): void {
  const nodeCrypto = { createHash: () => new Hash() };
  Object.assign(globalThis, {
    process: { getBuiltinModule: (name: string) => name === "node:crypto" ? nodeCrypto : undefined },
  });
}

/** The SHA-256 of a text, hex digits. */
export function digestOf(text: string): string {
  return sha256Hex(new TextEncoder().encode(text));
}
