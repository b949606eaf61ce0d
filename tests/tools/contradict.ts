/**
 * A rehearsal of a liar: signs two checkpoints that contradict each other with a member's key, and sends them to another
 * member, which keeps them as evidence.
 *
 *     deno run -A tests/tools/contradict.ts CLUSTER_FILE KEY_FILE URL
 *
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Checkpoint } from "../../src/core/messages/messages.ts";
import { clusterId, createSigner } from "../../src/crypto/mod.ts";
import { CHAIN_CRYPTO } from "../../src/client/epochs/following.ts";
import { firstEpoch, followChain } from "../../src/wire/epochs/mod.ts";
import { encodeBundle, encodeFrame, encodeMessage, fromBase64, parseClusterText } from "../../src/wire/mod.ts";

const [file, keyFile, url] = Deno.args;
if (file === undefined || keyFile === undefined || url === undefined) {
  throw new TypeError("expected a cluster file, a key file, and the URL of another member");
}
const cluster = parseClusterText(await Deno.readTextFile(file));
const { links } = await (await fetch(`${url}/epochs`)).json() as { readonly links: readonly string[] };
const first = firstEpoch(cluster, clusterId(cluster.genesis));
const { context, cluster: id, number, genesis } = (await followChain(first, links.map(fromBase64), CHAIN_CRYPTO)).at(
  -1,
)!;
const signer = createSigner((await Deno.readTextFile(keyFile)).trim(), context, number);
const replica = genesis.replicas.findIndex(({ publicKey }) => publicKey === signer.publicKey) as ReplicaId;
const { lowWatermark } = await (await fetch(`${url}/status`)).json() as { readonly lowWatermark: number };

const frames = ["1", "2"].map((digit) => {
  const sequence = lowWatermark + genesis.checkpointInterval as SequenceNumber;
  const message: Checkpoint = { kind: "checkpoint", replica, sequence, digest: digit.repeat(64) as Digest };
  const bytes = encodeMessage(message);
  return encodeFrame({ message, bytes, signature: signer.sign("checkpoint", bytes) });
});
const headers = { "content-type": "application/cbor" };
const body = encodeBundle(id, frames);
const answer = await fetch(`${url}/messages`, { method: "POST", headers, body });
const said = await answer.text();
if (answer.status !== 202 || said !== "") {
  throw new Error(`expected that ${url} takes them, got ${answer.status} ${said}`);
}
console.log(`${genesis.replicas[replica]?.name} has contradicted itself in epoch ${number}`);
