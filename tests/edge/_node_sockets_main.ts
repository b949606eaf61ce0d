/** Replicas under Node in one process. The first argument says which, as JSON. They close when standard input ends. */
import process from "node:process";
import { serve } from "../../src/runtime/nodejs.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

const { cluster, keys } = JSON.parse(process.argv[2]!);
const served = await Promise.all(
  Object.entries<string>(keys).map(([self, privateKey]) =>
    serve({ cluster, self, privateKey, store: new MemoryStore(), start: "new" })
  ),
);
console.log("ready");
process.stdin.resume().on("end", async () => {
  await Promise.all(served.map((replica) => replica.close()));
});
