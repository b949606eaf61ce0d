/**
 * Fetches and checks the links of a chain of epochs.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { clientClusterId, clientSha256, createClientVerifier } from "../../crypto/client.ts";
import { type ChainCrypto, type Epoch, firstEpoch, followChain } from "../../wire/epochs/mod.ts";
import type { EpochsToAsk, EpochsToWatch } from "./present.ts";
import { answeredJson, type ClusterFile, fromBase64, MAX_BODY_BYTES, readAnswer } from "../../wire/mod.ts";

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

/** Links, and the epoch to which they lead. */
interface Further {
  readonly links: readonly Uint8Array[];
  readonly last: Epoch;
}

/**
 * The links after a known epoch, possibly none, that a replica shows. `url`: its request URL. If it does not answer, those at the
 * addresses of the cluster file are asked, which may be newer than the known epoch: whoever was away for long may know only members that
 * are gone.
 * @throws {Error} if nobody gives an answer that is of use.
 */
export async function furtherFrom(
  { fetch, cluster }: { readonly fetch: typeof globalThis.fetch; readonly cluster: Pick<ClusterFile, "urls"> },
  epoch: Epoch,
  url: string,
): Promise<Further> {
  const ask = async (base: string): Promise<Further> => {
    const links = await linksFrom(fetch, `${base}epochs?after=${epoch.number}`);
    return { links, last: links.length === 0 ? epoch : await lastEpoch(epoch, links) };
  };
  const asked = url.replace(/requests$/, "");
  try {
    return await ask(asked);
  } catch (error) {
    const others = Object.values(cluster.urls).map((other) => `${other.replace(/\/+$/, "")}/`);
    const answers = await Promise.allSettled(others.filter((other) => epoch.number > 0 && other !== asked).map(ask));
    const further = answers.flatMap((answer) => answer.status === "fulfilled" ? [answer.value] : [])
      .toSorted((a, b) => b.last.number - a.last.number);
    if (further.length > 0) return further[0]!;
    throw error;
  }
}

/**
 * The links that a replica shows.
 * @throws {Error} if it shows none, or if the answer is malformed or too large.
 */
async function linksFrom(fetch: typeof globalThis.fetch, url: string): Promise<readonly Uint8Array[]> {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body = await readAnswer(response, MAX_ANSWER_BYTES);
  if (response.status !== 200) throw new Error(`links: HTTP ${response.status}`);
  const { links } = answeredJson(body) as { links?: unknown };
  if (!Array.isArray(links)) throw new TypeError("links: expected a list");
  return links.map((link) => fromBase64(String(link)));
}
