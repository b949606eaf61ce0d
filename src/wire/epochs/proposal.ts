/**
 * Proposals: the file that operators pass round before a `configure`. It holds the next configuration, and the approval
 * of each member who has signed it, by name. Members sign on their own machines, with the keys of the present epoch.
 *
 * ```json
 * { "configuration": { "cluster": "…", "epoch": 1, "previous": "…", "genesis": {}, "urls": {} },
 *   "approvals": { "Apple": "128 hex digits" } }
 * ```
 *
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { equalBytes } from "../../core/tree/bytes.ts";
import { checkObject, checkRecord, checkString } from "../checks.ts";
import type { ClusterFile } from "../cluster_file.ts";
import { fromHex, toHex } from "../codec/hex.ts";
import type { SignedKind } from "../messages/domain.ts";
import { type Configuration, encodeConfiguration, parseConfiguration } from "./configuration.ts";
import { type Approval, checkNext, ConfigureError, type Epoch } from "./epoch.ts";
import { encodeConfigure } from "./operation.ts";

/** A configuration that is not submitted yet, and who has approved of it. */
export interface Proposal {
  readonly configuration: Configuration;
  /** Signatures in hex, by the members' names in the present epoch. */
  readonly approvals: Readonly<Record<string, string>>;
}

/** The changes. Everything that is left out stays. */
export interface Change extends Partial<Omit<Genesis, "name" | "limits" | "origin">> {
  readonly limits?: Partial<Genesis["limits"]>;
  /** The URLs of members that are new or have moved, by name. */
  readonly urls?: ClusterFile["urls"];
}

/**
 * A proposal for the epoch after `epoch`, without approvals.
 * @throws {TypeError} naming the wrong field; {@linkcode ConfigureError} if the cluster would refuse it.
 */
export function propose(epoch: Epoch, change: Change): Proposal {
  const { urls, limits, ...rest } = change;
  const { origin: _, ...before } = epoch.genesis;
  const genesis = { ...before, ...rest, limits: { ...before.limits, ...limits } };
  const urlOf = (name: string) => (urls && Object.hasOwn(urls, name) ? urls[name] : epoch.urls[name]);
  const configuration = parseConfiguration({
    cluster: epoch.cluster,
    epoch: epoch.number + 1,
    previous: epoch.context,
    genesis,
    urls: Object.fromEntries(genesis.replicas.map(({ name }) => [name, normalized(urlOf(name))])),
  });
  checkProposed(epoch, configuration);
  return { configuration, approvals: {} };
}

/**
 * Checks that a configuration may follow `epoch`, and that people mean it. Whoever makes or signs a proposal checks both. The
 * second is no rule of the ordered operation: logs and links of earlier builds may hold such a configuration, and a quorum
 * has to sign.
 * @throws {ConfigureError}
 */
export function checkProposed(epoch: Epoch, configuration: Configuration): void {
  checkNext(epoch, configuration);
  const { replicas } = configuration.genesis;
  const known = new Set(epoch.genesis.replicas.map(({ name }) => name));
  for (const { name } of replicas.filter((member) => !known.has(member.name))) {
    const other = replicas.find((member) => member.name !== name && isSimilar(member.name, name));
    if (!other) continue;
    throw new ConfigureError(
      "similar-names",
      `${name}: expected a name that differs from ${other.name} in more than case`,
    );
  }
  if (isSame(epoch, configuration)) {
    throw new ConfigureError("no-change", "expected another configuration than the present one");
  }
}

/** Whether two names of members are the same but for case. Folders and files have these names, and some disks don't tell capitals from small letters. */
export function isSimilar(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function isSame({ genesis: { origin: _, ...genesis }, urls }: Epoch, configuration: Configuration): boolean {
  const present = genesis.replicas.map(({ name }) => [name, normalized(urls[name])] as const);
  // In epoch 0 they come from a cluster file, which need not have them all.
  if (present.some(([, url]) => url === undefined)) return false;
  const same = { ...configuration, genesis, urls: Object.fromEntries(present) as ClusterFile["urls"] };
  return equalBytes(encodeConfiguration(same), encodeConfiguration(configuration));
}

/** A URL in the one form that a configuration accepts. A wrong one is left as it is, for the check to name it. */
function normalized(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).href.replace(/\/$/, "") : url;
}

/** Reads a proposal that was parsed from JSON. @throws {TypeError} naming the wrong field. */
export function parseProposal(json: unknown): Proposal {
  const object = checkObject(json, "proposal", ["configuration", "approvals"]);
  const given = checkRecord(object.approvals, "proposal.approvals");
  const approvals = Object.entries(given).map(([name, signature]) => {
    const field = `proposal.approvals.${name}`;
    return [name, checkString(signature, field, /^[0-9a-f]{128}$/, "128 lower-case hex digits")] as const;
  });
  return { configuration: parseConfiguration(object.configuration), approvals: Object.fromEntries(approvals) };
}

/** A member's key and signer. The signer is made for the cluster id and the epoch of the configuration. */
export interface Approver {
  readonly publicKey: string;
  sign(kind: SignedKind, bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** The proposal with one more approval. @throws {TypeError} if the key is no member's; {@linkcode ConfigureError}. */
export async function approve(
  epoch: Epoch,
  proposal: Proposal,
  { signer, hash }: { signer: Approver; hash: (bytes: Uint8Array) => Digest | Promise<Digest> },
): Promise<Proposal> {
  checkProposed(epoch, proposal.configuration);
  const member = epoch.genesis.replicas.find(({ publicKey }) => publicKey === signer.publicKey);
  if (!member) throw new TypeError(`key: expected that of a member in epoch ${epoch.number}, got ${signer.publicKey}`);
  const hashed = fromHex(await hash(encodeConfiguration(proposal.configuration)));
  const signature = toHex(await signer.sign("configuration", hashed));
  const approvals = Object.entries({ ...proposal.approvals }).filter(([name]) => name !== member.name);
  return { ...proposal, approvals: Object.fromEntries([...approvals, [member.name, signature]]) };
}

/** Who has approved of a proposal, who has not yet, and how many are needed. Signatures are not verified. */
export interface Standing {
  readonly approved: readonly string[];
  readonly missing: readonly string[];
  readonly needed: number;
}

/** Who has approved of a proposal. @throws {ConfigureError} if it does not fit the present epoch. */
export function standingOf(epoch: Epoch, { configuration, approvals }: Proposal): Standing {
  checkNext(epoch, configuration);
  const names = epoch.genesis.replicas.map(({ name }) => name);
  for (const name of Object.keys(approvals)) {
    if (!names.includes(name)) throw new ConfigureError("unknown-member", `approvals: expected members, got ${name}`);
  }
  return {
    approved: names.filter((name) => Object.hasOwn(approvals, name)),
    missing: names.filter((name) => !Object.hasOwn(approvals, name)),
    needed: quorum(names.length),
  };
}

/** The `configure` operation of a proposal. @throws {ConfigureError} if it does not fit the present epoch. */
export function operationOf(epoch: Epoch, proposal: Proposal): Uint8Array {
  standingOf(epoch, proposal);
  const approvals = epoch.genesis.replicas.flatMap(({ name }, member): Approval[] => {
    return Object.hasOwn(proposal.approvals, name) ? [{ member, signature: fromHex(proposal.approvals[name]!) }] : [];
  });
  return encodeConfigure({ configuration: encodeConfiguration(proposal.configuration), approvals });
}
