/**
 * The epochs that a client knows, and how it learns of later ones. A client trusts the genesis of its cluster file, and
 * follows from there the links that any member shows: each proves itself.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import { clientClusterId, clientSha256, type ClientVerifier, createClientVerifier } from "../../crypto/client.ts";
import { type ChainCrypto, type Epoch, firstEpoch, followChain } from "../../wire/epochs/mod.ts";
import { type ClusterFile, fromBase64, GrowingBuffer, MAX_BODY_BYTES } from "../../wire/mod.ts";
import type { Timer } from "../../node/ports.ts";
import { Replicas } from "../transport/replicas.ts";

/** An epoch, and what the client knows of its replicas. */
export interface PresentEpoch {
  readonly epoch: Epoch;
  readonly replicas: Replicas;
  /** Verifies the replies of its replicas. */
  readonly verifier: ClientVerifier;
}

/** Options of {@linkcode KnownEpochs}. */
export interface KnownEpochsOptions {
  readonly cluster: ClusterFile;
  readonly chain: readonly Uint8Array[];
  readonly onChain: (chain: readonly Uint8Array[]) => void;
  readonly fetch: typeof globalThis.fetch;
  readonly timer: Timer;
}

/** The least time between two questions, ms. */
const ASK_MS = 200;
/** The least time between two questions to replicas whose replies seem to be of a later epoch, ms. */
const LATER_MS = 20;
/** How long an answer may take, ms. */
const TIMEOUT_MS = 5_000;
/** The largest answer, bytes. */
const MAX_ANSWER_BYTES = 2 * MAX_BODY_BYTES;

/** The cryptography to follow a chain with. */
export const CHAIN_CRYPTO: ChainCrypto = {
  hash: clientSha256,
  isSigned: ({ publicKey, context, epoch, kind, bytes, signature }) =>
    createClientVerifier(context, epoch).verify(publicKey, kind, bytes, signature),
};

/** The epochs of one client. */
export class KnownEpochs {
  readonly #options: KnownEpochsOptions;
  #chain: readonly Uint8Array[];
  #present: PresentEpoch | null = null;
  #opening: Promise<PresentEpoch> | null = null;
  #asking = false;
  /** Where a replica is whose reply seems to be of a later epoch, and which is asked next. */
  #later: string | null = null;
  #askedAt = -Infinity;
  #asked = 0;
  readonly #listeners = new Set<() => void>();

  constructor(options: KnownEpochsOptions) {
    this.#options = options;
    this.#chain = options.chain;
  }

  /** The links from epoch 0 to the present one. */
  get chain(): readonly Uint8Array[] {
    return this.#chain;
  }

  /** The last epoch that is known. @throws {LinkError} if the given chain does not follow from the genesis. */
  present(): PresentEpoch | Promise<PresentEpoch> {
    return this.#present ?? (this.#opening ??= this.#open());
  }

  /** The last number of an epoch; `null` if no later one is known. */
  async endOf(number: number): Promise<number | null> {
    if (this.#chain.length <= number) return null;
    const epochs = await epochsOf(this.#options.cluster.genesis, this.#chain);
    return epochs[number + 1]?.start?.sequence ?? null;
  }

  /** The cluster's id, for which clients sign. */
  async cluster(): Promise<Digest> {
    return (await this.present()).epoch.cluster;
  }

  /** Calls `onMoved` when a later epoch is known. Returns a function that ends that. */
  listen(onMoved: () => void): () => void {
    this.#listeners.add(onMoved);
    return () => void this.#listeners.delete(onMoved);
  }

  /**
   * A replica failed, or its reply is not of this epoch: asks one for links, unless one was asked just now. It does not
   * wait. `url`: the request URL of the replica whose reply is of another epoch: it knows the links, while others may not
   * have got there yet.
   */
  doubt(url?: string): void {
    const now = this.#options.timer.monotonic();
    if (url !== undefined) this.#later = url;
    if (!this.#present || this.#asking || now - this.#askedAt < (this.#later === null ? ASK_MS : LATER_MS)) return;
    this.#askedAt = now;
    this.#asking = true;
    const { peers } = this.#present.replicas;
    const asked = this.#later ?? peers[this.#asked++ % peers.length]!.url;
    this.#later = null;
    void this.#ask(this.#present, asked).catch(() => {}).finally(() => {
      this.#asking = false;
      if (this.#later !== null) this.doubt();
    });
  }

  async #open(): Promise<PresentEpoch> {
    const { cluster } = this.#options;
    const first = firstEpoch(cluster, await clientClusterId(cluster.genesis));
    const epochs = await followChain(first, this.#chain, CHAIN_CRYPTO);
    return this.#present = presentOf(epochs.at(-1)!);
  }

  async #ask({ epoch }: PresentEpoch, url: string): Promise<void> {
    const base = url.replace(/requests$/, "");
    const links = await linksFrom(this.#options.fetch, `${base}epochs?after=${epoch.number}`);
    if (links.length === 0) return;
    const epochs = await followChain(epoch, links, CHAIN_CRYPTO);
    if (this.#present?.epoch !== epoch) return;
    this.#chain = [...this.#chain, ...links];
    this.#present = presentOf(epochs.at(-1)!);
    this.#options.onChain(this.#chain);
    for (const onMoved of [...this.#listeners]) onMoved();
  }
}

/** All epochs to which these links lead from the genesis. @throws {LinkError} if they do not follow from it. */
export async function epochsOf(genesis: Genesis, chain: readonly Uint8Array[]): Promise<readonly Epoch[]> {
  return await followChain(firstEpoch({ genesis, urls: {} }, await clientClusterId(genesis)), chain, CHAIN_CRYPTO);
}

function presentOf(epoch: Epoch): PresentEpoch {
  return { epoch, replicas: new Replicas(epoch), verifier: createClientVerifier(epoch.context, epoch.number) };
}

async function linksFrom(fetch: typeof globalThis.fetch, url: string): Promise<readonly Uint8Array[]> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body = new GrowingBuffer();
  // Not every browser can iterate over a stream.
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader!.read()) {
    body.add(next.value);
    if (body.length <= MAX_ANSWER_BYTES && !body.hasTinyChunks) continue;
    await reader!.cancel();
    throw new RangeError("links: the answer is too large");
  }
  if (response.status !== 200) return [];
  const { links } = JSON.parse(new TextDecoder().decode(body.take())) as { links?: unknown };
  return Array.isArray(links) ? links.map((link) => fromBase64(String(link))) : [];
}
