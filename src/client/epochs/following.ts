/**
 * Fetches and checks the links of a chain of epochs.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { clientClusterId, clientSha256, createClientVerifier } from "../../crypto/client.ts";
import { type ChainCrypto, type Epoch, firstEpoch, followChain } from "../../wire/epochs/mod.ts";
import type { EpochsToAsk, EpochsToWatch } from "./present.ts";
import { fromBase64, GrowingBuffer, MAX_BODY_BYTES } from "../../wire/mod.ts";

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

/** All epochs to which these links lead from the genesis. @throws {LinkError} if they do not follow from it. */
export async function epochsOf(genesis: Genesis, chain: readonly Uint8Array[]): Promise<readonly Epoch[]> {
  return await followChain(firstEpoch({ genesis, urls: {} }, await clientClusterId(genesis)), chain, CHAIN_CRYPTO);
}

/** The epoch to which these links lead from a known one. @throws {LinkError} if they do not follow from it. */
export async function lastEpoch(known: Epoch, links: readonly Uint8Array[]): Promise<Epoch> {
  return (await followChain(known, links, CHAIN_CRYPTO)).at(-1)!;
}

/** The last number of an epoch; `null` if no later one is known. */
export async function endOf({ chain, options }: EpochsToWatch, number: number): Promise<number | null> {
  if (chain.length <= number) return null;
  return (await epochsOf(options.cluster.genesis, chain))[number + 1]?.start?.sequence ?? null;
}

/** Asks all replicas that are known for links. Never rejects. */
export async function catchUp(epochs: EpochsToAsk): Promise<void> {
  const present = await epochs.present();
  const asking = present.replicas.peers.map(({ url }) => epochs.ask(present, url).catch(() => {}));
  await Promise.all(asking);
}

/**
 * The links that a replica shows; none if it does not answer so.
 * @throws {Error} if the answer is malformed or too large.
 */
export async function linksFrom(fetch: typeof globalThis.fetch, url: string): Promise<readonly Uint8Array[]> {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
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
