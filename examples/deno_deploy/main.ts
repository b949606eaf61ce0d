/**
 * One replica on Deno Deploy. Which one it is comes from the app's environment variables; see the README beside this file.
 * Elsewhere `@pbft/edge/deno` is `jsr:@pbft/edge/deno`.
 */
import { type ServedReplica, serveFromEnvironment, wake } from "@pbft/edge/deno";

// Deno Deploy stops an app that nobody calls. Each minute this does what is overdue. It must be registered at the top level, before
// anything else runs and before a server starts, or the platform does not find it.
let replica: Promise<ServedReplica> | null = null;
Deno.cron("wake", "* * * * *", async () => {
  if (replica) await wake(replica);
});

// Deno Deploy starts previews too, to see whether they boot. They have no key, and must not have one: they are no replicas.
if (Deno.env.has("DENO_DEPLOY") && !Deno.env.has("PBFT_PRIVATE_KEY")) {
  Deno.serve(() => new Response("a preview without a key is no replica\n", { status: 503 }));
} else {
  replica = serveFromEnvironment();
  // Asked to stop, it has finished what it began; the cron job would keep the process.
  await (await replica).closed;
  Deno.exit(0);
}
