/**
 * The misconduct that items of `GET /evidence` prove.
 * @module
 */
import type { EvidenceItem, Misconduct } from "../../client/mod.ts";
import { misconductAmong } from "../../client/proofs/verify/evidence.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";

/** At most this many items are verified: a correct member keeps no more. */
export const MAX_ITEMS = 320;

/**
 * What items of `GET /evidence` prove. An item that proves nothing is left out. Each is verified for the epoch that it
 * names, so that a member who sends junk costs one verification an item, however many epochs there were.
 */
export async function misconductShown(
  epochs: readonly Epoch[],
  items: readonly unknown[],
): Promise<readonly Misconduct[]> {
  const proven: Misconduct[] = [];
  for (const item of items.slice(0, MAX_ITEMS)) {
    // Builds that know of no epochs name none.
    const { epoch: number = 0 } = (item ?? {}) as { readonly epoch?: number };
    const epoch = epochs[number];
    const misconduct = epoch && await misconductAmong([epoch], item as EvidenceItem).catch(() => null);
    if (misconduct) proven.push(misconduct);
  }
  return proven;
}

/** `Dog signed two commits that contradict each other, in epoch 0, view 5, number 7`. */
export function misconductText({ name, epoch, kind, view, sequence }: Misconduct): string {
  const where = [view === null ? [] : [`view ${view}`], sequence === null ? [] : [`number ${sequence}`]].flat();
  return `${name} signed two ${kind}s that contradict each other, in epoch ${epoch}, ${where.join(", ")}`;
}
