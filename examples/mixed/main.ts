/**
 * A cluster on four runtimes, on this machine; see the README beside this file.
 *
 *     deno run -A examples/mixed/main.ts [folder [node]]
 */
import { main as cli } from "@pbft/edge/cli";
import { startDeno, startDenoKv, startNode, startWorkerd } from "./members.ts";

const [folder = ".pbft-mixed", nodePath = "node"] = Deno.args;
const place = { folder: await absolute(folder), nodePath };
const names = ["Apple", "Ball", "Candy", "Dog"];
const members = names.map((name, i) => `${name}=http://127.0.0.1:${1121 + i}`);
await cli(["init", ...members, "--folder", place.folder]).catch((error) => console.log(String(error.message)));

const running = await Promise.all([
  startDeno(place, "Apple"),
  startDenoKv(place, "Ball"),
  startWorkerd(place, "Candy"),
  startNode(place, "Dog"),
]);
for (const { name, url } of running) console.log(`${name} serves ${url}`);
console.log(`cluster file: ${place.folder}/cluster.json. Ctrl-C stops all four.`);

Deno.addSignalListener("SIGINT", async () => {
  await Promise.all(running.map((member) => member.stop()));
  Deno.exit(0);
});

async function absolute(path: string): Promise<string> {
  await Deno.mkdir(path, { recursive: true });
  return await Deno.realPath(path);
}
