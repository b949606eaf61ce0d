/**
 * Signatures of members under the genesis: each says that this is the cluster that its owner means. They are made for
 * the cluster id, which is the hash of the genesis, so a changed genesis loses them. URLs are not covered: they may
 * change.
 * @module
 */
import { clusterId, createSigner, createVerifier } from "../../crypto/mod.ts";
import { type ClusterFile, fromHex, toHex } from "../../wire/mod.ts";

/** Who has signed a genesis. */
export interface GenesisSigners {
  readonly signed: readonly string[];
  readonly missing: readonly string[];
  /** Members in whose name there is a signature that they did not make. */
  readonly wrong: readonly string[];
}

/** Who has signed the genesis of a cluster file. */
export function genesisSigners({ genesis, signatures = {} }: ClusterFile): GenesisSigners {
  const id = clusterId(genesis);
  const verifier = createVerifier(id);
  const given = genesis.replicas.filter(({ name }) => Object.hasOwn(signatures, name));
  const [signed, wrong] = [true, false].map((valid) =>
    given.filter(({ name, publicKey }) =>
      verifier.verify(publicKey, "genesis", fromHex(id), fromHex(signatures[name]!)) === valid
    ).map(({ name }) => name)
  );
  const missing = genesis.replicas.map(({ name }) => name).filter((name) => !Object.hasOwn(signatures, name));
  return { signed: signed!, missing, wrong: wrong! };
}

/** The cluster file with the signature of this key's member; `null` if the key is no member's. */
export function withSignature(
  cluster: ClusterFile,
  privateKey: string,
): { readonly cluster: ClusterFile; readonly name: string } | null {
  const id = clusterId(cluster.genesis);
  const signer = createSigner(privateKey, id);
  const member = cluster.genesis.replicas.find(({ publicKey }) => publicKey === signer.publicKey);
  if (!member) return null;
  const signature = toHex(signer.sign("genesis", fromHex(id)) as Uint8Array);
  const others = Object.entries(cluster.signatures ?? {}).filter(([name]) => name !== member.name);
  const signatures = Object.fromEntries([...others, [member.name, signature]]);
  return { cluster: { ...cluster, signatures }, name: member.name };
}

/** `Apple and Ball have signed the genesis, Candy has not`; `null` if nobody has. */
export function signersText({ signed, missing }: GenesisSigners): string | null {
  if (signed.length === 0) return null;
  const rest = missing.length === 0 ? "" : `; ${missing.join(", ")} ${missing.length === 1 ? "has" : "have"} not`;
  return `the genesis is signed by ${missing.length === 0 ? "all members" : signed.join(", ")}${rest}`;
}
