/**
 * The program that runs on Deno Deploy on a host that sleeps between two ticks: no timer of more than a moment ever fires, and the cron
 * job is run when SIGUSR1 says so.
 */
const MOMENT_MS = 20;
const { setTimeout } = globalThis;

globalThis.setTimeout = ((run: () => void, ms = 0) => ms <= MOMENT_MS ? setTimeout(run, ms) : 0) as typeof setTimeout;
Object.defineProperty(Deno, "cron", {
  value(_name: string, _schedule: unknown, tick: () => void) {
    Deno.addSignalListener("SIGUSR1", tick);
    return new Promise(() => {});
  },
});

await import("../../examples/deno_deploy/main.ts");
