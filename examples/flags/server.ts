/**
 * A server that asks flags at each request. It has them all in memory, so a question costs no network.
 *
 *     deno run -A --no-lock examples/flags/server.ts [--cluster .pbft/cluster.json] [--port 8001]
 *     curl 'localhost:8001/?user=ada&country=de'
 */
import { argumentsOf, clusterIn, command, patiently } from "../command.ts";
import { noQuorum } from "../trouble.ts";
import { FlagClient } from "./flag_client.ts";
import { flags as machine } from "./machine.ts";

await command(async () => {
  const { values } = argumentsOf({
    options: { cluster: { type: "string", default: ".pbft/cluster.json" }, port: { type: "string", default: "8001" } },
  });
  const cluster = await clusterIn(values.cluster, machine.version);
  const flags = await patiently(FlagClient.start({ cluster, timeoutMs: 10_000 }), cluster);
  flags.onChange = (name) => console.log(name === null ? "all flags were read anew" : `${name} was changed`);
  let [latest, told]: [unknown, string] = [null, ""];
  flags.onTrouble = async (error) => {
    latest = error;
    const words = error === null
      ? "the flags are current again"
      : `the flags may be old: ${await noQuorum(cluster) ?? error}`;
    // It comes each time that is asked in vain, and may be over by now.
    if (error === latest && words !== told) console.error(told = words);
  };
  Deno.serve({ hostname: "localhost", port: Number(values.port), onListen: () => {} }, (request) => {
    const { user: id = "", ...attributes } = Object.fromEntries(new URL(request.url).searchParams);
    return Response.json(Object.fromEntries(flags.names.map((name) => [name, flags.value(name, { id, attributes })])));
  });
  console.log(`serves http://localhost:${values.port}/?user=NAME`);
});
