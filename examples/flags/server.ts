/**
 * A server that asks flags at each request. It has them all in memory, so a question costs no network.
 *
 *     deno run -A --no-lock examples/flags/server.ts [--cluster .pbft/cluster.json] [--port 8001]
 *     curl 'localhost:8001/?user=ada&country=de'
 */
import { parseClusterText } from "@pbft/edge/client";
import { parseArgs } from "node:util";
import { FlagClient } from "./flag_client.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { cluster: { type: "string", default: ".pbft/cluster.json" }, port: { type: "string", default: "8001" } },
});
const flags = await FlagClient.start({ cluster: parseClusterText(await Deno.readTextFile(values.cluster)) });
flags.onChange = (name) => console.log(name === null ? "all flags were read anew" : `${name} was changed`);
flags.onTrouble = (error) =>
  console.error(error === null ? "the flags are current again" : `the flags may be old: ${error}`);

Deno.serve({ hostname: "localhost", port: Number(values.port), onListen: () => {} }, (request) => {
  const { user: id = "", ...attributes } = Object.fromEntries(new URL(request.url).searchParams);
  return Response.json(Object.fromEntries(flags.names.map((name) => [name, flags.value(name, { id, attributes })])));
});
console.log(`serves http://localhost:${values.port}/?user=NAME`);
