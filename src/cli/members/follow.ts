/**
 * Finds the present epoch: from the genesis, which is trusted, along the links that a file or running members give.
 * @module
 */
import { CHAIN_CRYPTO } from "../../client/epochs/following.ts";
import type { Digest } from "../../core/messages/ids.ts";
import { clusterId } from "../../crypto/mod.ts";
import { type Epoch, firstEpoch, followChain } from "../../wire/epochs/mod.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import { ask, boundedJson, plainText } from "../check/answers.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import type { FoundCluster } from "../find_cluster.ts";
import { checkKnown, type Fork, forkAmong, forkIn } from "../check/forks.ts";
import { linksOf } from "./chain_file.ts";

/** How long a member has for an answer, ms. */
const TIMEOUT_MS = 3_000;

/**
 * A longer chain is not followed, bytes: no file holds it, and whoever has the keys of a closed epoch can make one
 * without an end.
 */
const MAX_CHAIN_BYTES = 64 * 1024 * 1024;

/** What a member answered. */
export interface Answer {
  readonly url: string;
  /** In words. */
  readonly reach: string;
  /** The cluster and the epoch that it claims to be in; `null` if it gave no answer that could be read. */
  readonly cluster: string | null;
  readonly epoch: number | null;
  readonly links: readonly Uint8Array[];
  /** Whether it is a member there, as it says: one that was removed, or has another key, answers too. */
  readonly isMember: boolean;
}

/** The chain as far as it is known. */
export interface Followed {
  readonly cluster: Digest;
  /** From epoch 0 on. */
  readonly epochs: readonly Epoch[];
  readonly present: Epoch;
  /** The links that lead there. */
  readonly links: readonly Uint8Array[];
  /** The last answer of each member that was asked, by its URL. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** Who shows another chain than the one that was known before. */
  readonly forks: readonly Fork[];
}

/** Follows links offline. @throws {CliError} if they do not follow from the genesis. */
export async function followLinks(
  cluster: ClusterFile,
  links: readonly Uint8Array[],
  place: string,
): Promise<Followed> {
  const id = clusterId(cluster.genesis);
  try {
    const epochs = await followChain(firstEpoch(cluster, id), links, CHAIN_CRYPTO);
    return { cluster: id, epochs, present: epochs.at(-1)!, links, answers: new Map(), forks: [] };
  } catch (error) {
    throw new CliError(`${place}: ${reasonOf(error)}`, EXIT.no, {
      next:
        "the links must begin with the genesis of this cluster file: name another one with --cluster, or another chain " +
        "with --chain",
    });
  }
}

/**
 * Asks running members for what comes after `from`, until nobody knows more. Each link proves itself, so one honest
 * member is enough. Who shows another chain is noted.
 * @throws {CliError} if the chain does not end, or there are two that go on from `from`.
 */
export async function followMembers(
  from: Followed,
  further: readonly string[] = [],
  maxChainBytes: number = MAX_CHAIN_BYTES,
): Promise<Followed> {
  const answers = new Map<string, Answer>();
  for (let known = from;;) {
    const before = known;
    const urls = urlsOf(known, further).filter((url) => answers.get(url)?.epoch !== known.present.number);
    for (const answer of await Promise.all(urls.map((url) => askEpochs(url, before.present.number)))) {
      answers.set(answer.url, answer);
      if (known === before) known = await extended(known, answer);
    }
    if (known === before) {
      const forks = await forksIn(known, answers.values());
      checkKnown(from.present.number, forks, known);
      return { ...known, answers, forks };
    }
    if (known.links.reduce((sum, { length }) => sum + length, 0) <= maxChainBytes) continue;
    throw new CliError(
      `the chain: expected at most ${maxChainBytes} bytes, got more, in ${known.links.length} links`,
      EXIT.no,
      { next: "somebody may have the keys of a closed epoch: give a later chain that you trust with --chain FILE" },
    );
  }
}

/** Where members may be: of the present epoch and those before, the latest first. */
function urlsOf({ epochs }: Followed, further: readonly string[]): readonly string[] {
  return [...new Set([...further, ...epochs.toReversed().slice(0, 3).flatMap(({ urls }) => Object.values(urls))])];
}

async function extended(known: Followed, { links, cluster }: Answer): Promise<Followed> {
  if (links.length === 0 || cluster !== known.cluster) return known;
  try {
    const epochs = await followChain(known.present, links, CHAIN_CRYPTO);
    return {
      ...known,
      epochs: [...known.epochs, ...epochs.slice(1)],
      present: epochs.at(-1)!,
      links: [...known.links, ...links],
    };
  } catch {
    return known; // it lies; another one may not
  }
}

async function forksIn(known: Followed, answers: Iterable<Answer>): Promise<readonly Fork[]> {
  const asked = [...answers].filter(({ cluster, epoch }) => cluster === known.cluster && epoch !== null);
  const found = await Promise.all(asked.map(({ url, epoch }) => forkAt(known, url, epoch!)));
  return found.filter((fork) => fork !== null);
}

/** Whether the server at a URL, which says that it is in this epoch, is on another chain than the known one. */
export async function forkAt(known: Followed, url: string, epoch: number): Promise<Fork | null> {
  const number = Math.min(epoch, known.present.number);
  if (number === 0) return null;
  const { links: [link] } = await askEpochs(url, number - 1);
  const fork = link ? await forkIn(known, { url, link, number }) : null;
  if (fork !== null) return fork === "same" ? null : fork;
  return await forkAmong(known, url, (await askEpochs(url, 0)).links);
}

/** Asks one member. Never rejects. */
export async function askEpochs(url: string, after: number): Promise<Answer> {
  const none = { url, cluster: null, epoch: null, links: [], isMember: false };
  try {
    const at = new URL(`epochs?after=${after}`, url.endsWith("/") ? url : `${url}/`);
    const response = await ask(at, { timeoutMs: TIMEOUT_MS });
    const json = await boundedJson(response) as Readonly<Record<string, unknown>> | null;
    if (!response.ok || json === null) return { ...none, reach: `answers ${response.status}` };
    const { cluster, epoch, isMember } = json;
    if (typeof cluster !== "string" || typeof epoch !== "number") return { ...none, reach: "answers something else" };
    const links = linksOf(json.links, url);
    return { url, reach: "answers", cluster: plainText(cluster), epoch, links, isMember: isMember !== false };
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    return { ...none, reach: isLate ? `gives no answer in ${TIMEOUT_MS / 1_000} s` : "refuses the connection" };
  }
}

/**
 * The chain as running members and a file know it.
 * @throws {CliError} if neither is there, or all members are of another cluster.
 */
export async function presentOf(
  { cluster, source }: FoundCluster,
  { links, further = [] }: { readonly links?: readonly Uint8Array[] | undefined; readonly further?: readonly string[] },
): Promise<Followed> {
  const known = await followLinks(cluster, links ?? [], "the chain");
  // The file may be newer than the chain: its addresses count as well.
  const followed = await followMembers(known, [...further, ...Object.values(cluster.urls)]);
  const answers = [...followed.answers.values()];
  const looked = answers.map(({ url, reach }) => `${url} ${reach}`).join("; ");
  const strangers = answers.filter(({ cluster }) => cluster !== null && cluster !== followed.cluster);
  if (strangers.length > 0 && !answers.some(({ cluster }) => cluster === followed.cluster)) {
    throw new CliError(
      `no member answers: ${source} is of another cluster than the replicas at its addresses`,
      EXIT.unreachable,
      {
        looked: `${looked}; expected ${followed.cluster.slice(0, 16)}, got ${strangers[0]!.cluster!.slice(0, 16)}`,
        next: "use the cluster.json that the replicas were started with",
      },
    );
  }
  if (links === undefined && !answers.some(({ cluster }) => cluster === followed.cluster)) {
    throw new CliError("no member gives the chain of epochs", EXIT.unreachable, {
      looked: `${looked} (${source})`,
      next: "start a member; or name one that runs by --from URL, or a file with the chain by --chain FILE",
    });
  }
  return followed;
}
