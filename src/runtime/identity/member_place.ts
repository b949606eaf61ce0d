/**
 * What the options of a host say of a key's place in its cluster, checked before its store is open; and the address where
 * it listens.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { clusterId, importKeyPair } from "../../crypto/mod.ts";
import { KeyValue } from "../../machines/key_value.ts";
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import { placeIn } from "../../node/epochs/place.ts";
import { checkMembership, CRYPTOGRAPHY } from "../../node/options.ts";
import { type Epoch, firstEpoch, followChain } from "../../wire/epochs/mod.ts";
import type { OpenReplicaOptions, ServeOptions } from "../host/options.ts";
import { checkUrl, displayName, memberId, nameInGenesis } from "./environment.ts";

/** The options that say who a replica is. */
type MemberOptions = Pick<
  OpenReplicaOptions,
  "cluster" | "self" | "privateKey" | "chain" | "join" | "settings" | "stateMachine" | "start"
>;

/**
 * Checks that a replica's key fits the cluster. Returns its number in the genesis; `null` if its key may become that of a
 * member in a later epoch.
 * @throws {TypeError} or {@linkcode RangeError} naming the option that does not fit.
 */
export function checkMember(options: MemberOptions): ReplicaId | null {
  const { cluster, cluster: { genesis }, stateMachine = createKeyValue, join, ...rest } = options;
  for (const url of join ?? []) checkUrl(url, "join");
  const chain = chainOf(options);
  if (chain && nameInGenesis(cluster, options.privateKey) === null) {
    checkMembership({ ...rest, chain, self: 0 as ReplicaId, genesis: genesisWith(options), stateMachine });
    return null;
  }
  const self = memberId(cluster, options.self);
  checkMembership({ ...rest, chain, self, genesis, stateMachine });
  return self;
}

/** The links that are known from the start; with `join` alone there are none yet, and they are asked for. */
export function chainOf({ chain, join }: Pick<MemberOptions, "chain" | "join">): OpenReplicaOptions["chain"] {
  return chain ?? (join && []);
}

/** The genesis as if this key had the first place there, so that everything else is checked. */
function genesisWith({ cluster: { genesis }, privateKey }: MemberOptions): typeof genesis {
  const { publicKey } = importKeyPair(privateKey);
  return { ...genesis, replicas: genesis.replicas.map((member, i) => i === 0 ? { ...member, publicKey } : member) };
}

/** Whose store it is. */
export function ownerOf(options: Pick<MemberOptions, "cluster" | "self" | "privateKey">) {
  const name = nameInGenesis(options.cluster, options.privateKey) ?? displayName(options);
  return { name, publicKey: importKeyPair(options.privateKey).publicKey };
}

/**
 * The URL at which it is to listen, if the options do not say where: that of the last epoch of the chain in which its key
 * is a member.
 * @throws {LinkError} if the chain does not follow from the genesis; {@linkcode TypeError} if nothing says where.
 */
export function ownUrl({ cluster, chain = [], ...rest }: ServeOptions): string | Promise<string> {
  const first = firstEpoch(cluster, clusterId(cluster.genesis));
  if (chain.length === 0) return urlIn([first], rest);
  return followChain(first, chain, chainCrypto(CRYPTOGRAPHY)).then((epochs) => urlIn(epochs, rest));
}

function urlIn(
  epochs: readonly Epoch[],
  { privateKey, port, self }: Pick<ServeOptions, "privateKey" | "port" | "self">,
): string {
  const { publicKey } = importKeyPair(privateKey);
  for (const epoch of epochs.toReversed()) {
    const place = placeIn(epoch, publicKey);
    if (place) return epoch.urls[epoch.genesis.replicas[place.self]!.name]!;
  }
  // A further key of a member of the genesis: the cluster file says where that member is.
  const { genesis, urls } = epochs[0]!;
  const name = displayName({ cluster: { genesis, urls }, self });
  if (Object.hasOwn(urls, name)) return urls[name]!;
  if (port !== undefined) return "http://localhost";
  throw new TypeError(
    `port: expected one: this key is no member in the epochs 0 to ${
      epochs.length - 1
    } that the chain shows, so nothing says where it listens`,
  );
}

/** The state machine of a host that is given none. */
export function createKeyValue(): KeyValue {
  return new KeyValue();
}
