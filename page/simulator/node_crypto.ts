/** SHA-256 where there is no `node:crypto`: the id of a simulated cluster is a real one, so that a seed is the same run here and there. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";

class Hash {
  #bytes: Uint8Array = new Uint8Array();

  update(bytes: Uint8Array): this {
    this.#bytes = concatBytes(this.#bytes, bytes);
    return this;
  }

  digest(_encoding: "hex"): string {
    return bytesToHex(sha256(this.#bytes));
  }
}

/** Puts it where `src/crypto/node_crypto.ts` looks for it. Signatures are the simulator's own. */
export function installNodeCrypto(): void {
  const nodeCrypto = { createHash: () => new Hash() };
  Object.assign(globalThis, {
    process: { getBuiltinModule: (name: string) => name === "node:crypto" ? nodeCrypto : undefined },
  });
}

/** The SHA-256 of a text, hex digits. */
export function digestOf(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)));
}
