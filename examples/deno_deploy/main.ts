/**
 * One replica on Deno Deploy. Which one it is comes from the app's environment variables; see the README beside this file.
 * Elsewhere `@pbft/edge/deno` is `jsr:@pbft/edge/deno`.
 */
import { serveFromEnvironment, wake } from "@pbft/edge/deno";

const replica = serveFromEnvironment();

// Deno Deploy stops an app that nobody calls. Each minute this does what is overdue. It must stand at the top level.
Deno.cron("wake", "* * * * *", () => wake(replica));

// Asked to stop, it has finished what it began; the cron job would keep the process.
await (await replica).closed;
Deno.exit(0);
