/**
 * The hosts of a run: those of the first members, and those that may join later. A host has the same number for the
 * whole run; in epoch 0 it is that of its replica. Later it may have another place among the members, or none, and
 * another key.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { SimulatedCryptography } from "../world/cryptography.ts";

/** The names of simulated hosts. */
export const NAMES: readonly string[] = [
  ...["Apple", "Ball", "Candy", "Dog", "Egg", "Fig", "Grape", "Hat", "Ice", "Jam"],
  ...["Kite", "Lamp", "Moon", "Nest", "Oak", "Pear", "Quill", "Rose", "Salt", "Tea"],
];

/** A pair of keys. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The names, URLs and keys of the hosts. */
export class Hosts {
  readonly #crypto: SimulatedCryptography;
  /** All keys that each host has had. The last one is in use. */
  readonly #keys: KeyPair[][];
  readonly #byKey = new Map<string, { readonly host: ReplicaId; readonly privateKey: string }>();

  constructor(crypto: SimulatedCryptography, count: number) {
    this.#crypto = crypto;
    this.#keys = NAMES.slice(0, count).map(() => []);
    for (const host of this.ids) this.renewKey(host);
  }

  /** All hosts. */
  get ids(): readonly ReplicaId[] {
    return this.#keys.map((_, host) => host as ReplicaId);
  }

  nameOf(host: ReplicaId): string {
    return NAMES[host]!;
  }

  /** The keys that a host uses now. */
  keyOf(host: ReplicaId): KeyPair {
    return this.#keys[host]!.at(-1)!;
  }

  /** The keys that it had before. */
  oldKeysOf(host: ReplicaId): readonly KeyPair[] {
    return this.#keys[host]!.slice(0, -1);
  }

  /** From now on a host uses a new key. */
  renewKey(host: ReplicaId): void {
    const own = this.#keys[host]!;
    const pair = this.nextKeyOf(host);
    own.push(pair);
    this.#byKey.set(pair.publicKey, { host, privateKey: pair.privateKey });
  }

  /** The key that a host will have after {@linkcode Hosts.renewKey}. */
  nextKeyOf(host: ReplicaId): KeyPair {
    const used = this.#keys[host]!.length;
    return this.#crypto.keyPair(used === 0 ? NAMES[host]! : `${NAMES[host]} ${used}`);
  }

  /** The host that has, or had, this key. */
  hostOf(publicKey: string): ReplicaId {
    return this.#byKey.get(publicKey)?.host ?? this.ids.find((id) => this.nextKeyOf(id).publicKey === publicKey)!;
  }

  /** The private key to a host's key of any time. */
  privateKeyOf(publicKey: string): string {
    return this.#byKey.get(publicKey)?.privateKey ?? this.nextKeyOf(this.hostOf(publicKey)).privateKey;
  }

  urlOf(host: ReplicaId): string {
    return `http://${NAMES[host]!.toLowerCase()}.example`;
  }

  /** The host at a URL. */
  hostAt(url: string): ReplicaId {
    return this.ids.find((id) => this.urlOf(id) === url)!;
  }
}
