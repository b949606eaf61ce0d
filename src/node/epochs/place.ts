/**
 * Where a key stands in the epochs of its cluster.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { HostEvent } from "../host_event.ts";
import type { Store } from "../ports.ts";
import { emptyStoreError, type Start, startOf, type StartOptions } from "../storage/start.ts";

/** A member's number, and its key. */
export interface Place {
  readonly self: ReplicaId;
  readonly publicKey: string;
}

/** The place of this key in an epoch; `null` if it is no member of it. */
export function placeIn({ genesis }: Pick<Epoch, "genesis">, publicKey: string): Place | null {
  const self = genesis.replicas.findIndex((member) => member.publicKey === publicKey);
  return self < 0 ? null : { self: self as ReplicaId, publicKey };
}

/** The first epoch without this key after the last one with it; `null` if it is a member now, or never was one. */
export function leftIn(epochs: readonly Epoch[], publicKey: string): Epoch | null {
  const last = epochs.findLastIndex((epoch) => placeIn(epoch, publicKey) !== null);
  return last < 0 ? null : epochs[last + 1] ?? null;
}

/** Where members of `to` are that were no members of `from`, or were elsewhere. */
export function newUrls(from: Epoch, to: Epoch, publicKey: string): readonly string[] {
  const before = new Set(from.genesis.replicas.map((member) => `${member.publicKey} ${from.urls[member.name]}`));
  return to.genesis.replicas
    .filter((member) => member.publicKey !== publicKey && !before.has(`${member.publicKey} ${to.urls[member.name]}`))
    .map(({ name }) => to.urls[name]!);
}

/** The event of a replica that has entered an epoch. */
export function enteredEvent({ number, start, genesis, urls }: Epoch, isMember: boolean): HostEvent {
  const members = genesis.replicas.map(({ name }) => name);
  return { kind: "epoch-entered", epoch: number, since: start?.sequence ?? 0, members, urls, isMember };
}

/**
 * What an empty store means in an epoch; `null` if nothing is to be written, because this key is no member of it.
 * @throws {StartError} if the store is empty, and should not be.
 */
export async function startIn(
  store: Pick<Store, "load">,
  epoch: Epoch,
  { publicKey, ...options }: StartOptions & { readonly publicKey: string },
): Promise<Start | null> {
  const start = startOf(options, publicKey);
  const isEmpty = (await store.load()).version === 0;
  if (!isEmpty) return start;
  const place = placeIn(epoch, publicKey);
  if (!place) return null;
  if (start === "resume") throw emptyStoreError(epoch.genesis.replicas[place.self]!.name);
  return start;
}
