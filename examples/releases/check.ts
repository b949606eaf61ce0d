/**
 * Checks a file against its receipt, without a network.
 *
 *     deno run -A --no-lock examples/releases/check.ts FILE [--receipt FILE.receipt] [--cluster .pbft/cluster.json]
 */
import { decodeReceipt, parseClusterText } from "@pbft/edge/client";
import { parseArgs } from "node:util";
import { digestOf, verifyRelease } from "./verify.ts";

const { values, positionals: [file] } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { receipt: { type: "string" }, cluster: { type: "string", default: ".pbft/cluster.json" } },
});
if (file === undefined) {
  console.error("usage: check.ts FILE [--receipt FILE] [--cluster FILE]");
  Deno.exit(2);
}

const cluster = parseClusterText(await Deno.readTextFile(values.cluster));
const receipt = decodeReceipt(await Deno.readFile(values.receipt ?? `${file}.receipt`));
const { entry, signers } = await verifyRelease(cluster, receipt);
const isSame = entry.digest === await digestOf(await Deno.readFile(file));
console.log(`${entry.name} ${entry.version}, entry ${entry.number}, signed by ${signers.join(" and ")}`);
console.log(isSame ? `${file} is what was published` : `${file} is NOT what was published`);
if (!isSame) Deno.exitCode = 1;
