/** A replica under Node that is a cluster by itself. The first argument says which, as JSON. It prints the events of its host. */
import process from "node:process";
import { serve } from "../../src/runtime/nodejs.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

const onHostEvent = ({ kind, ...fields }: { readonly kind: string }) => console.log(kind, JSON.stringify(fields));
await serve({
  ...JSON.parse(process.argv[2]!),
  store: new MemoryStore(),
  start: "new",
  observers: [{ onHostEvent }],
});
console.log("ready");
