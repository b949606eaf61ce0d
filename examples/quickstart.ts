/**
 * Four replicas in one process, one operation, and the signed replies that prove its result. Nothing is on the network:
 * the replicas call each other, and the client calls their Hono apps.
 *
 *     deno run -A examples/quickstart.ts
 */
import {
  Client,
  DEFAULT_LIMITS,
  generateKeyPair,
  type Genesis,
  KeyValue,
  MemoryStore,
  ReplicaNode,
  type Transport,
  verifyReceipt,
} from "@pbft/edge";
import { systemTimer } from "@pbft/edge/deno";
import { createApp } from "@pbft/edge/hono";
import { replicaId } from "@pbft/edge/protocol";

const names = ["Apple", "Ball", "Candy", "Dog"];
const keys = names.map(() => generateKeyPair());
const genesis: Genesis = {
  name: "quickstart",
  replicas: names.map((name, i) => ({ name, publicKey: keys[i]!.publicKey })),
  checkpointInterval: 128,
  logWindow: 512,
  stateMachine: "key-value/1",
  limits: DEFAULT_LIMITS,
};

const timer = systemTimer();
const nodes: ReplicaNode[] = [];
const transport: Transport = {
  async deliver(to, frames) {
    await nodes[to]!.receive(frames);
  },
};
for (const [i, { privateKey }] of keys.entries()) {
  const options = {
    genesis,
    privateKey,
    transport,
    timer,
    store: new MemoryStore(),
    stateMachine: () => new KeyValue(),
  };
  nodes.push(await ReplicaNode.open({ self: replicaId(i), ...options }));
}

const ended = new AbortController();
const apps = new Map(nodes.map((node, i) => [`${names[i]}.test`, createApp(node, { timer, signal: ended.signal })]));
const urls = Object.fromEntries(names.map((name) => [name, `http://${name}.test`]));
const client = new Client({
  cluster: { genesis, urls },
  fetch: async (input, init) => {
    const request = new Request(input, init);
    const name = names.find((name) => new URL(request.url).hostname === `${name}.test`.toLowerCase());
    return await apps.get(`${name}.test`)!.request(request);
  },
});

const { sequence, receipt } = await client.submit("SET name Ada");
console.log(`SET name Ada: executed at sequence number ${sequence}`);
console.log("GET name:", await client.invoke("GET name"));

const { voters } = await verifyReceipt({ genesis }, receipt);
console.log(
  `${voters.length} of ${names.length} replicas signed for the SET: ${voters.map((id) => names[id]).join(", ")}`,
);

client.close();
ended.abort();
await Promise.all(nodes.map((node) => node.close()));
