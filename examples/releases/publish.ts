/**
 * Publishes a file, and keeps the receipt beside it.
 *
 *     deno run -A --no-lock examples/releases/publish.ts FILE --name NAME --version VERSION [--by "Ada Lovelace"]
 *       [--key publisher.key] [--cluster .pbft/cluster.json]
 */
import { generateKeyPair } from "@pbft/edge";
import { createClient, encodeReceipt, parseClusterText, RejectedError } from "@pbft/edge/client";
import { parseArgs } from "node:util";
import { releases } from "./machine.ts";
import { digestOf, verifyRelease } from "./verify.ts";

const { values, positionals: [file] } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    name: { type: "string" },
    version: { type: "string" },
    by: { type: "string", default: "" },
    key: { type: "string", default: "publisher.key" },
    cluster: { type: "string", default: ".pbft/cluster.json" },
  },
});
const { name, version, by } = values;
if (file === undefined || name === undefined || version === undefined) {
  console.error("usage: publish.ts FILE --name NAME --version VERSION [--by WORDS] [--key FILE] [--cluster FILE]");
  Deno.exit(2);
}

const cluster = parseClusterText(await Deno.readTextFile(values.cluster));
const client = createClient(releases, { cluster, keyPair: { privateKey: await keyIn(values.key) } });
try {
  const digest = await digestOf(await Deno.readFile(file));
  const { receipt } = await client.publish.receipt({ name, version, digest, by });
  const { entry, signers } = await verifyRelease(cluster, receipt, client.client.chain);
  await Deno.writeFile(`${file}.receipt`, encodeReceipt(receipt));
  console.log(`${name} ${version} is entry ${entry.number}, signed by ${signers.join(" and ")}`);
  console.log(`${digest}, proven by ${file}.receipt`);
} catch (error) {
  if (!(error instanceof RejectedError)) throw error;
  console.error(`not published: ${error.error} ${JSON.stringify(error.detail)}`);
  Deno.exitCode = 1;
} finally {
  client.close();
}

/** The publisher's private key; a new one if there is no such file. */
async function keyIn(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const { privateKey } = generateKeyPair();
    await Deno.writeTextFile(path, privateKey + "\n", { mode: 0o600, createNew: true });
    console.log(`${path}: a new key. Keep it: the names that you publish under are bound to it`);
    return privateKey;
  }
}
