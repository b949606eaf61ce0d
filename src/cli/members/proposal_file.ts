/**
 * The file that is passed round: the next configuration, who has approved of it, and the links by which anybody who has
 * the genesis checks it without a network.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import { createVerifier, sha256 } from "../../crypto/mod.ts";
import {
  approvalContext,
  checkProposed,
  ConfigureError,
  encodeConfiguration,
  parseProposal,
  type Proposal,
  type Standing,
  standingOf,
} from "../../wire/epochs/mod.ts";
import { fromHex, toBase64 } from "../../wire/mod.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { exists, replaceFileInTurn } from "../files.ts";
import type { FoundCluster } from "../find_cluster.ts";
import { linksOf, readJson } from "./chain_file.ts";
import { type Followed, followLinks } from "./follow.ts";
import type { KeptChain } from "./kept_chain.ts";
import { checkNewKeys } from "./new_members.ts";

/** A proposal that was read and checked. */
export interface CheckedProposal {
  readonly proposal: Proposal;
  /** The epoch that it ends, and the links that lead there. */
  readonly followed: Followed;
  readonly standing: Standing;
  /** The hash of the configuration: what members sign. */
  readonly hash: string;
}

/**
 * Reads a proposal. Everything in it is checked from the genesis on, the signatures too.
 * @throws {CliError} that names the file and the part that is wrong.
 */
export async function readProposal(path: string, { cluster, source }: FoundCluster): Promise<CheckedProposal> {
  const { links, ...json } = readJson(path, "a proposal");
  let proposal: Proposal;
  try {
    proposal = parseProposal(json);
  } catch (error) {
    throw new CliError(`${path}: ${reasonOf(error)}`, EXIT.usage, { next: "pbft members propose makes such a file" });
  }
  const genesis = await followLinks(cluster, [], path);
  if (proposal.configuration.cluster !== genesis.cluster) {
    throw new CliError(
      `${path}: wrong-cluster: expected ${genesis.cluster.slice(0, 16)}, got ${
        proposal.configuration.cluster.slice(0, 16)
      }`,
      EXIT.no,
      { looked: `the cluster file is ${source}`, next: "name the cluster file of this proposal with --cluster" },
    );
  }
  const followed = await followLinks(cluster, linksOf(links, path), path);
  const { present } = followed;
  try {
    checkProposed(present, proposal.configuration);
    checkNewKeys(present, proposal.configuration);
    const standing = standingOf(present, proposal);
    const hash = sha256(encodeConfiguration(proposal.configuration));
    checkApprovals(followed, proposal, hash);
    return { proposal, followed, standing, hash };
  } catch (error) {
    if (error instanceof ConfigureError) throw new CliError(`${path}: ${error.message}`, EXIT.no);
    throw error;
  }
}

function checkApprovals({ present }: Followed, { approvals }: Proposal, hash: string): void {
  const { context, epoch, kind } = approvalContext(present);
  const verifier = createVerifier(context, epoch);
  for (const [name, signature] of Object.entries(approvals)) {
    const { publicKey } = present.genesis.replicas.find((member) => member.name === name)!;
    if (verifier.verify(publicKey, kind, fromHex(hash), fromHex(signature))) continue;
    throw new ConfigureError(
      "wrong-signature",
      `approvals.${name}: not ${name}'s signature under this configuration: the file was changed after ${name} signed it`,
    );
  }
}

/**
 * Whether the epoch of a proposal is in force already, as far as the kept chain knows. The links in the file prove only
 * that it continued the chain once: it may be an old file, or one for which somebody has misused the keys of a closed
 * epoch.
 * @throws {CliError} if another configuration is in force there, or the file's links lead away from the kept chain.
 */
export function isInForce(path: string, { proposal, followed, hash }: CheckedProposal, kept: KeptChain): boolean {
  const { epoch: number } = proposal.configuration;
  const known = kept.followed.epochs;
  const common = Math.min(known.length, followed.epochs.length) - 1;
  if (known[common]!.context !== followed.epochs[common]!.context) {
    throw new CliError(
      `${path}: its chain has another epoch ${common} than the known one: expected ${known[common]!.context}, got ${
        followed.epochs[common]!.context
      }`,
      EXIT.no,
      { next: "do not sign it; ask whoever made it, and the members' operators" },
    );
  }
  if (known[number]?.context === hash) return true;
  if (kept.present.number < number) return false;
  throw wrongEpoch(path, number, kept.present.number);
}

/** The refusal of a proposal for an epoch that has begun with another configuration. */
export function wrongEpoch(path: string, got: number, present: number): CliError {
  return new CliError(
    `${path}: wrong-epoch: expected epoch ${present + 1}, got ${got}: the cluster is in epoch ${present} already`,
    EXIT.no,
    { next: "make a new proposal: pbft members propose" },
  );
}

/**
 * Writes a new proposal.
 * @throws {CliError} that names the file, if there is one already.
 */
export async function writeNewProposal(
  path: string,
  proposal: Proposal,
  links: readonly Uint8Array[],
): Promise<void> {
  const existing = () => new CliError(`${path} exists already; choose another file`, EXIT.usage);
  if (exists(path)) throw existing();
  await write(path, () => {
    if (exists(path)) throw existing();
    return textOf(proposal, links);
  });
}

/**
 * Adds approvals to a proposal in a file, which is replaced as a whole. Those that others have added since it was read
 * stay.
 * @throws {CliError} that names the file, if it is another proposal by now.
 */
export async function writeApprovals(
  path: string,
  { configuration, approvals }: Proposal,
  links: readonly Uint8Array[],
): Promise<void> {
  await write(path, () => {
    const { links: _, ...json } = readJson(path, "a proposal");
    const now = parseProposal(json);
    if (!equalBytes(encodeConfiguration(now.configuration), encodeConfiguration(configuration))) {
      throw new CliError(`${path}: another proposal is there by now; nothing was signed`, EXIT.no);
    }
    return textOf({ configuration, approvals: { ...now.approvals, ...approvals } }, links);
  });
}

function textOf({ configuration, approvals }: Proposal, links: readonly Uint8Array[]): string {
  return JSON.stringify({ configuration, approvals, links: links.map(toBase64) }, null, 2) + "\n";
}

async function write(path: string, textOf: () => string): Promise<void> {
  try {
    await replaceFileInTurn(path, textOf);
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${path}: ${reasonOf(error)}`, EXIT.usage);
  }
}
