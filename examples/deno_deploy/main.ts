/**
 * One replica on Deno Deploy. Which one it is comes from the app's environment variables; see the README beside this file.
 * Elsewhere `@pbft/edge/deno` is `jsr:@pbft/edge/deno`.
 */
import { serveFromEnvironment, wake } from "@pbft/edge/deno";

// Deno Deploy starts previews too, to see whether they boot. They have no key, and must not have one: they are no replicas.
const isPreview = Deno.env.has("DENO_DEPLOY") && !Deno.env.has("PBFT_PRIVATE_KEY");
const replica = isPreview ? null : serveFromEnvironment();

// Deno Deploy stops an app that nobody calls. Each minute this does what is overdue. It must stand at the top level, before what waits.
Deno.cron("wake", "* * * * *", async () => {
  if (replica) await wake(replica);
});

if (replica) {
  // Asked to stop, it has finished what it began; the cron job would keep the process.
  await (await replica).closed;
  Deno.exit(0);
}
Deno.serve(() => new Response("a preview without a key is no replica\n", { status: 503 }));
