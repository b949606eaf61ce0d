/**
 * Serves the state to members of a later epoch, who are no peers of this replica: new members fetch the state of the
 * closing checkpoint from those who had it.
 * @module
 */
import { type Allowance, allowanceOf } from "../../core/upkeep/allowance.ts";
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { decodeFrame, wireLimits } from "../../wire/mod.ts";
import type { Cryptography, Store, Timer } from "../ports.ts";
import { placeIn } from "./place.ts";

/** About how many bytes one answer has. A single larger blob is sent alone. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** The largest fetch, bytes. */
const MAX_FETCH_BYTES = 16 * 1024;
/** Limit of one member: 32 MiB at once, and 32 MiB per second. A repeated fetch counts too. */
const BYTES = { most: 32 * 1024 * 1024, perMs: 32 * 1024 };
/** So many of the last fetches of each member are known again. */
const REMEMBERED = 1_024;
/** The least that an answer counts, bytes. */
const LEAST_BYTES = 1024;

/** Options of {@linkcode StateServer}. */
export interface StateServerOptions {
  readonly store: Pick<Store, "read">;
  readonly timer: Pick<Timer, "monotonic">;
  readonly cryptography: Cryptography;
}

/** A fetch whose signature is valid. */
interface SignedFetch {
  readonly publicKey: string;
  readonly digests: readonly Digest[];
  /** Of the signed bytes. */
  readonly hash: Digest;
}

/** Answers signed fetches of members of later epochs. */
export class StateServer {
  readonly #options: StateServerOptions;
  readonly #allowances = new Map<string, Allowance>();
  readonly #busy = new Set<string>();
  /** What each member has fetched before, the latest last. */
  readonly #former = new Map<string, Set<Digest>>();

  constructor(options: StateServerOptions) {
    this.#options = options;
  }

  /**
   * Answers with blobs; `null` if no member of the epoch has signed the fetch, or it has asked too much. Whoever is no member in the `present`
   * epoch, the last one that is known, gets nothing: the blobs may be those of the present state.
   *
   * A fetch names no receiver, so whoever has got one can repeat it elsewhere. Repeated ones are counted apart, one at a time too, so
   * that they take nothing from what the member itself asks for.
   */
  answer(epoch: Epoch, frame: Uint8Array, present: Epoch): Promise<readonly Uint8Array[]> | null {
    const asked = this.#verified(epoch, frame);
    if (!asked || !placeIn(present, asked.publicKey)) return null;
    const source = this.#isRepeated(asked) ? `${asked.publicKey} again` : asked.publicKey;
    if (this.#busy.has(source)) return null;
    const now = this.#options.timer.monotonic() as Millis;
    const allowance = allowanceOf(this.#allowances, source, { now, rate: BYTES });
    if (allowance.bytes <= 0) return null;
    this.#busy.add(source);
    return this.#read(asked.digests, allowance).finally(() => this.#busy.delete(source));
  }

  /** Whether this very fetch came before. */
  #isRepeated({ publicKey, hash }: SignedFetch): boolean {
    const former = this.#former.get(publicKey) ?? new Set();
    this.#former.set(publicKey, former);
    if (former.has(hash)) return true;
    former.add(hash);
    if (former.size > REMEMBERED) former.delete(former.values().next().value!);
    return false;
  }

  #verified(epoch: Epoch, frame: Uint8Array): SignedFetch | null {
    if (frame.length > MAX_FETCH_BYTES) return null;
    try {
      const { message, bytes, signature } = decodeFrame(frame, wireLimits(epoch.genesis)).signed;
      if (message.kind !== "fetch") return null;
      const publicKey = epoch.genesis.replicas[message.replica]?.publicKey;
      const verifier = this.#options.cryptography.createVerifier(epoch.context, epoch.number);
      if (publicKey === undefined || !verifier.verify(publicKey, "fetch", bytes, signature)) return null;
      return { publicKey, digests: message.digests, hash: this.#options.cryptography.hash(bytes) };
    } catch {
      return null; // it is no frame
    }
  }

  async #read(digests: readonly Digest[], allowance: Allowance): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (const digest of new Set(digests)) {
      const [blob] = await this.#options.store.read([digest]);
      if (!blob) continue;
      if (found.length > 0 && bytes + blob.length > MAX_ANSWER_BYTES) break;
      found.push(blob);
      bytes += blob.length;
    }
    allowance.bytes -= Math.max(bytes, LEAST_BYTES);
    return found;
  }
}
