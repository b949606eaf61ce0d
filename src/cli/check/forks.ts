/**
 * Forks of the chain: two configurations for one epoch, each signed by a quorum of the epoch before. Correct members sign one of them, so
 * this proves that keys of that epoch were stolen after it, or that more than f of its members lie.
 * @module
 */
import { CHAIN_CRYPTO } from "../../client/epochs/following.ts";
import { decodeLink, type Epoch, followChain } from "../../wire/epochs/mod.ts";
import { decodeFrame } from "../../wire/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";
import type { Terminal } from "../terminal.ts";
import { namesText } from "../members/words.ts";

/** A chain that is known: its epochs from 0 on, and the links between them. */
export interface KnownChain {
  readonly epochs: readonly Epoch[];
  readonly links: readonly Uint8Array[];
}

/** Another configuration than the known one. */
export interface Fork {
  /** Who shows it. */
  readonly url: string;
  /** The number of the epoch that it is for. */
  readonly epoch: number;
  /** The names of the members of the epoch before whose keys have signed it. */
  readonly signers: readonly string[];
}

/**
 * Whether this link leads to another epoch `number` than the known one. `same`: it leads to the known one; `null`: it proves nothing.
 */
export async function forkIn(
  { epochs, links }: KnownChain,
  { url, link, number }: { readonly url: string; readonly link: Uint8Array; readonly number: number },
): Promise<Fork | "same" | null> {
  const known = links[number - 1]!;
  if (known.length === link.length && known.every((byte, i) => byte === link[i])) return "same";
  const [before, present] = epochs.slice(number - 1) as [Epoch, Epoch];
  try {
    const [, shown] = await followChain(before, [link], CHAIN_CRYPTO);
    return shown!.context === present.context ? "same" : { url, epoch: number, signers: signersOf(before, link) };
  } catch {
    return null; // it lies
  }
}

/** Where these links, from epoch 0 on, leave the known chain; `null`: nowhere, or they prove nothing. */
export async function forkAmong(known: KnownChain, url: string, links: readonly Uint8Array[]): Promise<Fork | null> {
  for (const [i, link] of links.slice(0, known.links.length).entries()) {
    const fork = await forkIn(known, { url, link, number: i + 1 });
    if (fork !== "same") return fork;
  }
  return null;
}

/**
 * @throws {CliError} if a fork begins after the epoch `from`, the last one that was known: then neither chain counts more than the other.
 */
export function checkKnown(from: number, forks: readonly Fork[], { epochs, links }: KnownChain): void {
  const fork = forks.find(({ epoch }) => epoch > from);
  if (!fork) return;
  const { url, epoch, signers } = fork;
  const others = namesText(signersOf(epochs[epoch - 1]!, links[epoch - 1]!));
  throw new CliError(`the chain forks: there are two configurations for epoch ${epoch}`, EXIT.no, {
    looked: `the keys of ${namesText(signers)} of epoch ${
      epoch - 1
    } have signed the one that ${url} shows, and those of ${others} another one`,
    next:
      "keys were stolen, or their owners lie: believe neither before you have asked the members' operators, and name " +
      "their chain with --chain FILE",
  });
}

/** `another epoch 2, which the keys of Apple and Ball of epoch 1 have signed`. */
export function forkText({ epoch, signers }: Fork): string {
  return `another epoch ${epoch}, which the keys of ${namesText(signers)} of epoch ${epoch - 1} have signed`;
}

/** Warns of forks from the known chain, which is believed. */
export function sayForks({ forks }: { readonly forks: readonly Fork[] }, terminal: Pick<Terminal, "say">): void {
  const urls = new Map<string, string[]>();
  for (const fork of forks) urls.set(forkText(fork), [...urls.get(forkText(fork)) ?? [], fork.url]);
  for (const [what, from] of urls) {
    terminal.say(
      `warning: ${namesText(from)} ${
        from.length === 1 ? "shows" : "show"
      } ${what}: they were stolen, or their owners lie. ` +
        "The chain that was known before is believed. Who knows the genesis alone can be deceived: give him your chain.json",
    );
  }
}

function signersOf({ genesis: { replicas } }: Epoch, link: Uint8Array): readonly string[] {
  const ids = decodeLink(link).certificate.map((frame) => {
    const { message } = decodeFrame(frame).signed;
    return "replica" in message ? message.replica : -1;
  });
  return replicas.filter((_, id) => ids.includes(id as typeof ids[number])).map(({ name }) => name);
}
