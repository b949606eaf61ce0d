/**
 * Publishes a file, and keeps the receipt beside it.
 *
 *     deno run -A --no-lock examples/releases/publish.ts FILE --name NAME --version VERSION [--by "Ada Lovelace"]
 *       [--key publisher.key] [--cluster .pbft/cluster.json]
 */
import { createClient, encodeReceipt, RejectedError } from "@pbft/edge/client";
import { argumentsOf, clusterIn, command, patiently, readBytes, UsageError } from "../command.ts";
import { keyIn } from "../key_file.ts";
import { releases } from "./machine.ts";
import { digestOf, verifyRelease } from "./verify.ts";

await command(async () => {
  const { values, positionals: [file] } = argumentsOf({
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
    throw new UsageError(
      "usage: publish.ts FILE --name NAME --version VERSION [--by WORDS] [--key FILE] [--cluster FILE]",
    );
  }
  const digest = await digestOf(await readBytes(file));
  const cluster = await clusterIn(values.cluster, releases.version);
  const privateKey = await keyIn(values.key, "the names that you publish under are bound to it");
  const client = createClient(releases, { cluster, keyPair: { privateKey } });
  try {
    const { receipt } = await patiently(client.publish.receipt({ name, version, digest, by }), cluster);
    const { entry, signers } = await verifyRelease(cluster, receipt, client.client.chain);
    await Deno.writeFile(`${file}.receipt`, encodeReceipt(receipt));
    console.log(`${name} ${version} is entry ${entry.number}, signed by ${signers.join(" and ")}`);
    console.log(`${digest}, proven by ${file}.receipt`);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    console.error(`not published: ${wordsOf(error, { name, version })} ${JSON.stringify(error.detail)}`);
    Deno.exitCode = 1;
  } finally {
    client.close();
  }
});

/** What the machine's errors mean for this release. */
function wordsOf(
  { error }: RejectedError,
  { name, version }: { readonly name: string; readonly version: string },
): string {
  if (error === "published") return `${name} ${version} is there already, with another content; choose another version`;
  if (error === "notYours") {
    return `${name} belongs to the key that published under it first; use that key, or another name`;
  }
  return error;
}
