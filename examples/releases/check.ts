/**
 * Checks a file against its receipt, without a network.
 *
 *     deno run -A --no-lock examples/releases/check.ts FILE [--receipt FILE.receipt] [--cluster .pbft/cluster.json]
 */
import { decodeReceipt, ProofError } from "@pbft/edge/client";
import { argumentsOf, clusterIn, command, readBytes, UsageError } from "../command.ts";
import { releases } from "./machine.ts";
import { digestOf, VerificationError, verifyRelease } from "./verify.ts";

await command(async () => {
  const { values, positionals: [file] } = argumentsOf({
    allowPositionals: true,
    options: { receipt: { type: "string" }, cluster: { type: "string", default: ".pbft/cluster.json" } },
  });
  if (file === undefined) throw new UsageError("usage: check.ts FILE [--receipt FILE] [--cluster FILE]");
  const cluster = await clusterIn(values.cluster, releases.version);
  const path = values.receipt ?? `${file}.receipt`;
  const [content, bytes] = [await readBytes(file), await readBytes(path)];
  try {
    const { entry, signers } = await verifyRelease(cluster, decodeReceipt(bytes));
    const isSame = entry.digest === await digestOf(content);
    console.log(`${entry.name} ${entry.version}, entry ${entry.number}, signed by ${signers.join(" and ")}`);
    console.log(isSame ? `${file} is what was published` : `${file} is NOT what was published`);
    if (!isSame) Deno.exitCode = 1;
  } catch (error) {
    if (!(error instanceof ProofError || error instanceof VerificationError)) throw error;
    console.error(`${path} proves nothing: ${error.message}`);
    Deno.exitCode = 1;
  }
});
