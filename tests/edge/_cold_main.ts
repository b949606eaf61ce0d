/** A replica as it runs on Deno Deploy, at any free port, which it prints. */
import { serveFromEnvironment } from "../../src/runtime/deno.ts";

const settings = { idleStatusMs: 2_000 };
const replica = await serveFromEnvironment({ hostname: "127.0.0.1", port: 0, settings, app: { waitMs: 300 } });
console.log(replica.url);
await replica.closed;
Deno.exit(0);
