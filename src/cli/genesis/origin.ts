/**
 * The snapshot with which a new cluster begins, for `init --from`.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import { CRYPTOGRAPHY } from "../../node/options.ts";
import { readBlob } from "../../snapshot/blobs.ts";
import type { ProvenHead } from "../../snapshot/manifest.ts";
import { SnapshotError } from "../../snapshot/snapshot_error.ts";
import { folderStorage } from "../../snapshot/storage/folder.ts";
import type { SnapshotStorage } from "../../snapshot/storage/storage.ts";
import { verifySnapshot } from "../../snapshot/verify.ts";
import { followLink, LinkError, makeLink } from "../../wire/epochs/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { findCluster } from "../find_cluster.ts";
import { KeptChain } from "../members/kept_chain.ts";
import { natural } from "../numbers.ts";

/** A state with which a cluster can begin. */
export interface FoundOrigin {
  readonly origin: NonNullable<Genesis["origin"]>;
  /** The rules in force after the state: its machine can read it. */
  readonly rules: Genesis;
  /** For people. */
  readonly text: string;
}

/** Where the snapshot is, and whom the caller trusts. */
export interface OriginFlags {
  readonly from: string;
  readonly sequence?: string | undefined;
  readonly cluster?: string | undefined;
  readonly chain?: string | undefined;
}

/** Verifies the snapshot wholly. @throws {CliError} if it is not sound, or not of the cluster that is named. */
export async function findOrigin({ from: folder, sequence, cluster, chain }: OriginFlags): Promise<FoundOrigin> {
  if (folder === "") throw new CliError("--from: expected a folder, got nothing (see pbft init --help)", EXIT.usage);
  if (chain !== undefined && cluster === undefined) {
    throw new CliError("--chain: expected --cluster FILE too (see pbft init --help)", EXIT.usage);
  }
  const storage = folderStorage(folder);
  const found = cluster === undefined ? null : await findCluster(cluster);
  const kept = found && await KeptChain.openKnown(found, chain);
  try {
    const verified = await verifySnapshot(storage, {
      ...(found && kept && { genesis: found.cluster.genesis, chain: kept.links }),
      ...(sequence !== undefined && { sequence: natural("--sequence", sequence, { max: Number.MAX_SAFE_INTEGER }) }),
    });
    const { root, agreedTime } = verified;
    const rules = await rulesAfter(verified, storage);
    const origin = { cluster: verified.cluster, sequence: verified.sequence, root };
    const time = new Date(agreedTime).toISOString();
    const proof = found ? "" : `; nobody has vouched for it: compare this id (or give --cluster FILE)`;
    const text =
      `the cluster begins with the state at ${origin.sequence}, of ${time}, of cluster ${origin.cluster}${proof}`;
    return { origin, rules, text };
  } catch (error) {
    if (error instanceof SnapshotError) throw new CliError(error.message, EXIT.no, { looked: `looked in ${folder}` });
    throw error;
  }
}

/** If the checkpoint closes its epoch, the state is that of the next one, also of its version of the machine. */
async function rulesAfter({ certificate, epoch }: ProvenHead, storage: SnapshotStorage): Promise<Genesis> {
  if (certificate.length === 0) return epoch.genesis;
  try {
    const link = await makeLink(certificate, (digest: Digest) => readBlob(storage, digest));
    return (await followLink(epoch, link, chainCrypto(CRYPTOGRAPHY))).genesis;
  } catch (error) {
    if (error instanceof LinkError) return epoch.genesis;
    throw error;
  }
}
