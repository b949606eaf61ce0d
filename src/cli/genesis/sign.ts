/**
 * `init sign`: adds a member's signature to the cluster file that was sent to it.
 * @module
 */
import { renameSync, writeFileSync } from "node:fs";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { findCluster } from "../find_cluster.ts";
import { readKey } from "../key_file.ts";
import type { Terminal } from "../terminal.ts";
import { genesisSigners, signersText, withSignature } from "./signatures.ts";

/** Signs the cluster file at `path`, or the usual one. Returns the exit code. @throws {CliError} that names the file. */
export async function signGenesis(path: string | undefined, keyPath: string, terminal: Terminal): Promise<number> {
  const { source, cluster } = await findCluster(path);
  const { privateKey, warning } = readKey(keyPath);
  if (warning) terminal.say(`warning: ${warning}`);
  const signed = withSignature(cluster, privateKey);
  if (!signed) {
    throw new CliError(`${keyPath}: expected the key of a member of ${source}, got another key`, EXIT.usage, {
      looked: `members: ${cluster.genesis.replicas.map(({ name }) => name).join(", ")}`,
      next: "the cluster file must have the public key that this member made: pbft init NAME=URL,KEY",
    });
  }
  try {
    writeFileSync(`${source}.part`, JSON.stringify(signed.cluster, null, 2) + "\n");
    renameSync(`${source}.part`, source);
  } catch (error) {
    throw new CliError(`${source}: ${reasonOf(error)}`, EXIT.usage);
  }
  const signers = genesisSigners(signed.cluster);
  if (terminal.isJson) {
    terminal.print(
      JSON.stringify({ file: source, signer: signed.name, signed: signers.signed, missing: signers.missing }),
    );
  } else {
    terminal.print(`${source}: signed by ${signed.name}; ${signersText(signers)}`);
  }
  return EXIT.done;
}
