import type { ClusterFile } from "../../src/client/mod.ts";
import { watching } from "./_watching.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    const cluster: ClusterFile = await request.json();
    return Response.json(await watching(cluster, new URL(request.url).searchParams.get("key")!));
  },
};
