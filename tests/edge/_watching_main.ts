import process from "node:process";
import type { ClusterFile } from "../../src/client/mod.ts";
import { watching } from "./_watching.ts";

const cluster: ClusterFile = JSON.parse(process.env.PBFT_CLUSTER!);
console.log(JSON.stringify(await watching(cluster, "node")));
