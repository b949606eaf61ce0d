/**
 * Sends operations to a running cluster: the one that `deno task cluster` started, or any other whose cluster file is given by
 * path or URL. The file determines which signatures are trusted, so get it from somebody you trust.
 *
 *     deno run -A examples/client.ts [cluster file]
 */
import { Client, OperationRejectedError, parseClusterFile, verifyReceipt } from "@pbft/edge/client";

const [source = ".pbft/cluster.json"] = Deno.args;
const text = /^https?:/.test(source) ? await (await fetch(source)).text() : await Deno.readTextFile(source);
const cluster = parseClusterFile(JSON.parse(text));
const client = new Client({ cluster });

console.log("SET greeting:", await client.invoke("SET greeting hello"));
console.log("GET greeting:", await client.invoke({ op: "get", key: "greeting" }));

// Calls that are made together share one signed request.
const visits = await Promise.all(Array.from({ length: 100 }, () => client.invoke("INCR visits")));
console.log(`100 visits counted, the last is number ${Math.max(...visits.map(Number))}`);

try {
  await client.invoke("INCR greeting");
} catch (error) {
  if (!(error instanceof OperationRejectedError)) throw error;
  console.log(`INCR greeting: rejected at ${error.sequence}: ${error.message}`);
}

const { receipt } = await client.submit("SET signed yes");
const { voters, result } = await verifyReceipt(cluster, receipt);
const names = voters.map((id) => cluster.genesis.replicas[id]!.name);
console.log(`${names.join(" and ")} signed that SET signed yes was executed at ${result.sequence}`);

client.close();
