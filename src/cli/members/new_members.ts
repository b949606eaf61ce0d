/**
 * New members of a proposal: whether their keys can be right.
 * @module
 */
import type { Member } from "../../core/config.ts";
import type { Configuration, Epoch } from "../../wire/epochs/mod.ts";
import { ask, boundedJson } from "../check/answers.ts";
import { forkText } from "../check/forks.ts";
import { heldKey } from "../check/member.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { checkPublicKeys } from "../genesis/public_keys.ts";
import { askEpochs, type Followed, forkAt } from "./follow.ts";

/** How long a new member has for an answer, ms. */
const TIMEOUT_MS = 3_000;

function newMembers({ genesis }: Epoch, next: Configuration): readonly Member[] {
  const before = new Set(genesis.replicas.map(({ publicKey }) => publicKey));
  return next.genesis.replicas.filter(({ publicKey }) => !before.has(publicKey));
}

/** Refuses private keys, and what is no key. @throws {CliError} that names the member. */
export function checkNewKeys(present: Epoch, next: Configuration): void {
  checkPublicKeys(newMembers(present, next), [...present.genesis.replicas, ...next.genesis.replicas]);
}

/**
 * Asks the processes of new members, which wait until they are members, for their keys and for the chain that they follow. One that
 * can't be reached, or runs as a member now, is left out.
 * @throws {CliError} if one has another key, or follows another chain: the cluster would have a member that is nobody.
 */
export async function askNewMembers(followed: Followed, next: Configuration): Promise<void> {
  const { present } = followed;
  const added = newMembers(present, next);
  const held = await Promise.all(added.map(({ name }) => keyAt(next.urls[name]!)));
  added.forEach(({ name, publicKey }, i) => {
    const key = held[i];
    // Where a member that leaves is still, its key says nothing of the one that comes.
    if (!key || key === publicKey || present.genesis.replicas.some((member) => member.publicKey === key)) return;
    throw new CliError(
      `${name}: expected the key of the server at ${next.urls[name]}, ${key}, got ${publicKey}`,
      EXIT.no,
      {
        next: `start ${name} with the private key that belongs to this public key, or propose its public key`,
      },
    );
  });
  await Promise.all(added.map((member) => checkChain(followed, member, next.urls[member.name]!)));
}

/** One that was shown a fork, and knew only the genesis, has entered it and never comes back. */
async function checkChain(followed: Followed, { name }: Member, url: string): Promise<void> {
  const { cluster, epoch } = await askEpochs(url, followed.present.number);
  const fork = cluster === followed.cluster && epoch !== null ? await forkAt(followed, url, epoch) : null;
  if (fork === null) return;
  throw new CliError(
    `${name}: the server at ${url} follows another chain: ${forkText(fork)}`,
    EXIT.no,
    {
      next:
        `stop it, delete its state, and start it with the chain of this command: pbft members chain FILE, and pbft serve --chain FILE`,
    },
  );
}

async function keyAt(url: string): Promise<string | null> {
  try {
    const at = new URL("status", url.endsWith("/") ? url : `${url}/`);
    const response = await ask(at, { timeoutMs: TIMEOUT_MS });
    const json = await boundedJson(response);
    return response.status === 410 ? heldKey(json) : null;
  } catch {
    return null;
  }
}
