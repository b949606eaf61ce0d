/**
 * The chain of epochs: from one that is trusted to the last one.
 * @module
 */
import { type ChainCrypto, decodeLink, followLink, insideChain } from "./link.ts";
import type { Epoch } from "./epoch.ts";

/** The most links that are followed at once. A longer chain is followed in parts. */
export const MAX_LINKS = 4_096;

/**
 * Follows encoded links, each from the epoch that the one before begins. Returns all epochs, from `trusted` to the last.
 * @throws {LinkError} or {@linkcode DecodeError} naming the first link that is not valid. {@linkcode RangeError} if
 * there are more than {@linkcode MAX_LINKS}.
 */
export async function followChain(
  trusted: Epoch,
  links: readonly Uint8Array[],
  by: ChainCrypto,
): Promise<readonly Epoch[]> {
  if (links.length > MAX_LINKS) throw new RangeError(`links: expected at most ${MAX_LINKS}, got ${links.length}`);
  const epochs = [trusted];
  for (const [index, link] of links.entries()) {
    try {
      epochs.push(await followLink(epochs.at(-1)!, decodeLink(link), by));
    } catch (error) {
      throw insideChain(index, error);
    }
  }
  return epochs;
}

/** The epoch in which a number was ordered; `undefined` if none of these can have ordered it. */
export function epochOf(epochs: readonly Epoch[], sequence: number): Epoch | undefined {
  return epochs.findLast(({ start }) => sequence > (start?.sequence ?? 0));
}
