/**
 * The chain of epochs: from one that is trusted to the last one.
 * @module
 */
import { fromBase64 } from "../codec/base64.ts";
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

/**
 * Reads the links of a chain from JSON: what `GET /epochs` gives, or the list of links alone. They are not verified.
 * @throws {TypeError} naming the wrong field. The error does not repeat the text.
 */
export function parseChainText(text: string): readonly Uint8Array[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new TypeError(`expected the chain of epochs as JSON, got ${text.length} characters that are not JSON`);
  }
  const given = Array.isArray(json) ? { links: json } : Object(json);
  const { after = 0, links } = given as { readonly after?: unknown; readonly links?: unknown };
  if (after !== 0) throw new TypeError(`after: expected 0, got ${JSON.stringify(after)}: a chain begins with epoch 0`);
  if (!Array.isArray(links)) throw new TypeError("links: expected a list, got something else");
  return links.map((link, i) => {
    try {
      return fromBase64(String(link));
    } catch {
      throw new TypeError(`links[${i}]: expected base64, got something else`);
    }
  });
}

/** The epoch in which a number was ordered; `undefined` if none of these can have ordered it. */
export function epochOf(epochs: readonly Epoch[], sequence: number): Epoch | undefined {
  return epochs.findLast(({ start }) => sequence > (start?.sequence ?? 0));
}

/** The number and the state at which an epoch ended; `undefined` if the next one is not among these. */
export function endOf(epochs: readonly Epoch[], { number }: Epoch): NonNullable<Epoch["start"]> | undefined {
  return epochs[number + 1]?.start ?? undefined;
}
