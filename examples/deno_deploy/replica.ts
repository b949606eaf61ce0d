/**
 * A replica on Deno Deploy, whatever its state machine. `main.ts` beside this file runs the key-value machine, and so do the entries of the
 * applications with theirs. Elsewhere `@pbft/edge/deno` is `jsr:@pbft/edge/deno`.
 */
import { type EnvironmentOptions, type ServedReplica, serveFromEnvironment, wake } from "@pbft/edge/deno";

/** Runs the replica that the environment names until the process is asked to stop. Call it first, at the top level of the entry. */
export async function run(options: EnvironmentOptions = {}): Promise<void> {
  // Deno Deploy stops an app that nobody calls. Each minute this does what is overdue. It must be registered at the top level, before
  // anything else runs and before a server starts, or the platform does not find it.
  let replica: Promise<ServedReplica> | null = null;
  Deno.cron("wake", "* * * * *", async () => {
    if (replica) await wake(replica);
  });

  // Deno Deploy starts previews too, to see whether they boot. They have no key, and must not have one: they are no replicas.
  if (Deno.env.has("DENO_DEPLOY") && !Deno.env.has("PBFT_PRIVATE_KEY")) {
    Deno.serve(() => new Response("a preview without a key is no replica\n", { status: 503 }));
    return;
  }
  replica = serveFromEnvironment(options);
  // Asked to stop, it has finished what it began; the cron job would keep the process.
  await (await replica).closed;
  Deno.exit(0);
}
