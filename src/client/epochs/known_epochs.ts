/**
 * The epochs that a client knows, and how it learns of later ones. A client trusts the genesis of its cluster file, and
 * follows from there the links that any member shows: each proves itself.
 * @module
 */
import type { Limits } from "../../core/config.ts";
import { clientClusterId, createClientVerifier } from "../../crypto/client.ts";
import type { ClusterFile } from "../../wire/cluster_file.ts";
import { type Epoch, firstEpoch } from "../../wire/epochs/first.ts";
import type { Timer } from "../../node/ports.ts";
import type { RandomIntegers } from "../transport/random.ts";
import { Replicas } from "../transport/replicas.ts";
import { later } from "../later/mod.ts";
import type { EpochsToWatch, PresentEpoch } from "./present.ts";

/** Options of {@linkcode KnownEpochs}. */
export interface KnownEpochsOptions {
  readonly cluster: ClusterFile;
  readonly chain: readonly Uint8Array[];
  readonly onChain: (chain: readonly Uint8Array[]) => void;
  readonly fetch: typeof globalThis.fetch;
  readonly timer: Timer;
  readonly random: RandomIntegers;
}

/** The least time between two questions, ms. */
const ASK_MS = 200;
/** The least time between two questions to replicas whose replies seem to be of a later epoch, ms. */
const AHEAD_MS = 20;

/** The epochs of one client. */
export class KnownEpochs implements EpochsToWatch {
  readonly options: KnownEpochsOptions;
  #chain: readonly Uint8Array[];
  #present: PresentEpoch | null = null;
  #opening: Promise<PresentEpoch> | null = null;
  #asking = false;
  /** The URL of a replica whose reply seems to be of a later epoch. It is asked next. */
  #ahead: string | null = null;
  /** Replicas that seemed to be ahead and were asked. */
  readonly #vain = new Set<string>();
  #askedAt = -Infinity;
  #asked = 0;
  readonly #listeners = new Set<() => void>();

  constructor(options: KnownEpochsOptions) {
    this.options = options;
    this.#chain = options.chain;
  }

  /** The links from epoch 0 to the present one. */
  get chain(): readonly Uint8Array[] {
    return this.#chain;
  }

  /** The limits of the last epoch that is known; of the first one until {@linkcode present} has been asked. */
  get limits(): Limits {
    return (this.#present?.epoch ?? this.options.cluster).genesis.limits;
  }

  /** The last epoch that is known. @throws {LinkError} if the given chain does not follow from the genesis. */
  present(): PresentEpoch | Promise<PresentEpoch> {
    return this.#present ?? (this.#opening ??= this.#open());
  }

  /** Calls `onMoved` when a later epoch is known. Returns a function that ends that. */
  listen(onMoved: () => void): () => void {
    this.#listeners.add(onMoved);
    return () => void this.#listeners.delete(onMoved);
  }

  /**
   * Call it if a replica failed, or its reply is not of this epoch. It asks one replica for links, unless one was asked
   * just now, and does not wait for the answer. `url`: the request URL of the replica whose reply is of another epoch.
   * That replica knows the links; others may not be there yet.
   */
  doubt(url?: string): void {
    const now = this.options.timer.monotonic();
    if (url !== undefined) this.#ahead = url;
    if (!this.#present || this.#asking || now - this.#askedAt < (this.#ahead === null ? ASK_MS : AHEAD_MS)) return;
    this.#askedAt = now;
    this.#asking = true;
    const { peers } = this.#present.replicas;
    let asked = this.#ahead;
    // If a replica seems to be ahead again after it was asked, the next replica is asked in its place. Otherwise liars
    // would be the only ones that are asked.
    if (asked === null || this.#vain.delete(asked)) asked = peers[this.#asked++ % peers.length]!.url;
    else this.#vain.add(asked);
    this.#ahead = null;
    void this.ask(this.#present, asked).catch(() => {}).finally(() => {
      this.#asking = false;
      if (this.#ahead !== null) this.doubt();
    });
  }

  async #open(): Promise<PresentEpoch> {
    const { cluster } = this.options;
    const first = firstEpoch(cluster, await clientClusterId(cluster.genesis));
    const last = this.#chain.length === 0 ? first : await (await later()).lastEpoch(first, this.#chain);
    return this.#present = presentOf(last, this.options.random);
  }

  /** Asks a replica for links, and follows them. @throws {Error} if its answer is of no use. */
  async ask({ epoch }: PresentEpoch, url: string): Promise<void> {
    const { links, last } = await (await later()).furtherFrom(this.options, epoch, url);
    if (last === epoch || this.#present?.epoch !== epoch) return;
    this.#chain = [...this.#chain, ...links];
    this.#present = presentOf(last, this.options.random);
    this.options.onChain(this.#chain);
    this.#listeners.forEach((onMoved) => onMoved());
  }
}

function presentOf(epoch: Epoch, random: RandomIntegers): PresentEpoch {
  return { epoch, replicas: new Replicas(epoch, random), verifier: createClientVerifier(epoch.context, epoch.number) };
}
