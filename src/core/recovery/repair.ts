/**
 * Repair of damaged blobs: the host has found that its store lost or changed the bytes of a page or chunk. The replica's
 * state is intact as far as it is in memory, and the digest names the missing chunk, so any peer can supply it. Until then the
 * replica works on; what needs the blob waits for it as for any blob that is loaded lazily.
 * @module
 */
import type { FetchedBlob } from "../io.ts";
import type { Digest } from "../messages/ids.ts";
import type { Step } from "../step.ts";

/** The most damaged blobs that are noted. The host finds further ones again later. */
const MAX_DAMAGED = 4096;

/** The host reports damaged blobs. */
export function onDamagedBlobs({ state }: Step, digests: readonly Digest[]): void {
  for (const digest of digests) if (state.damaged.size < MAX_DAMAGED) state.damaged.add(digest);
  state.fetches.hasNews = true;
}

/** Stores those of the blobs that are damaged here. Returns the rest. `loaded`: those that something waits for. */
export function repair(
  step: Step,
  blobs: readonly FetchedBlob[],
): { readonly rest: readonly FetchedBlob[]; readonly loaded: ReadonlyMap<Digest, Uint8Array> } {
  const { damaged, loads } = step.state;
  const found = blobs.filter(({ digest }) => damaged.delete(digest));
  if (found.length === 0) return { rest: blobs, loaded: new Map() };
  const repaired = new Map(found.map(({ digest, bytes }) => [digest, bytes]));
  step.persist({ kind: "blobs", blobs: repaired, isRepair: true });
  step.event({ kind: "repaired", blobs: repaired.size });
  return {
    rest: blobs.filter(({ digest }) => !repaired.has(digest)),
    loaded: new Map([...repaired].filter(([digest]) => loads.has(digest))),
  };
}

/** Forgets damaged blobs that the state no longer names. */
export function forgetDamaged({ state: { damaged } }: Step, retired: readonly Digest[]): void {
  if (damaged.size > 0) { for (const digest of retired) damaged.delete(digest); }
}
