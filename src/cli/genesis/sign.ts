/**
 * `init sign`: adds a member's signature to the cluster file that was sent to it.
 * @module
 */
import { readFileSync } from "node:fs";
import { clusterId } from "../../crypto/mod.ts";
import { type ClusterFile, readClusterText } from "../../wire/mod.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { replaceFileInTurn } from "../files.ts";
import { findCluster } from "../find_cluster.ts";
import { readKey } from "../key_file.ts";
import type { Terminal } from "../terminal.ts";
import { genesisSigners, signersText, withSignature } from "./signatures.ts";

/** Adds the signature to the file as it is by now: others may have signed since it was read. */
async function addTo(path: string, { genesis }: ClusterFile, privateKey: string): Promise<ClusterFile> {
  let signed: ClusterFile | undefined;
  try {
    await replaceFileInTurn(path, () => {
      const now = readClusterText(readFileSync(path, "utf8"));
      if (clusterId(now.genesis) !== clusterId(genesis)) throw new Error("another cluster's file is there by now");
      signed = withSignature(now, privateKey)!.cluster;
      return JSON.stringify(signed, null, 2) + "\n";
    });
    return signed!;
  } catch (error) {
    throw new CliError(`${path}: ${reasonOf(error)}`, EXIT.usage);
  }
}

/**
 * Signs the cluster file at `path`, or the usual one. Returns the exit code.
 * @throws {CliError} that names the file.
 */
export async function signGenesis(path: string | undefined, keyPath: string, terminal: Terminal): Promise<number> {
  const { source, cluster } = await findCluster(path);
  if (source === "PBFT_CLUSTER" || /^https?:/.test(source)) {
    throw new CliError(`sign: expected a cluster file on this machine, got ${source}`, EXIT.usage);
  }
  const { privateKey, warning } = readKey(keyPath);
  if (warning) terminal.say(`warning: ${warning}`);
  const signed = withSignature(cluster, privateKey);
  if (!signed) {
    throw new CliError(`${keyPath}: expected the key of a member of ${source}, got another key`, EXIT.usage, {
      looked: `members: ${cluster.genesis.replicas.map(({ name }) => name).join(", ")}`,
      next: "the cluster file must have the public key that this member made: pbft init NAME=URL,KEY",
    });
  }
  const signers = genesisSigners(await addTo(source, signed.cluster, privateKey));
  if (terminal.isJson) {
    terminal.print(
      JSON.stringify({ file: source, signer: signed.name, signed: signers.signed, missing: signers.missing }),
    );
  } else {
    terminal.print(`${source}: signed by ${signed.name}; ${signersText(signers)}`);
  }
  return EXIT.done;
}
