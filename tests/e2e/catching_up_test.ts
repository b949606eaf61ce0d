/** A replica's process comes back after a while, and those that it would ask first are dead. */
import { Fleet } from "../chaos/fleet.ts";
import { eventually } from "../tools/eventually.ts";

/** Far more than it takes, on any machine; it was 157 s when bodies came one by one. */
const PATIENCE_MS = 30_000;

/** Has a value set: asked again, an operation with the same timestamp is the same. */
async function set(
  fleet: Fleet,
  to: string,
  { timestamp, value }: { timestamp: number; value: string },
): Promise<void> {
  await eventually(`operation ${timestamp} is answered`, async () => {
    const response = await fetch(`${fleet.url(to)}/req`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ clientID: "ada", timestamp, operation: `SET key${timestamp % 16} ${value}` }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await response.body?.cancel();
    return response.ok;
  }, PATIENCE_MS);
}

for (const [n, batches] of [[4, 255], [7, 90]] as const) {
  Deno.test(`of ${n} replicas one comes back after ${batches} batches, with f others dead, the primary and its neighbour among them`, async () => {
    const fleet = await Fleet.start(n);
    try {
      const { names, f } = fleet;
      const away = names[n - 2]!;
      const primary = await fleet.primary();
      await fleet.kill(away);
      const before = await fleet.executed();
      for (let timestamp = 1; await fleet.executed() < before + batches; timestamp += 4) {
        for (let i = 0; i < 4; i++) {
          // Now and then large ones.
          const value = "x".repeat(timestamp % 16 === 1 ? 40_000 : 10);
          await set(fleet, primary, { timestamp: timestamp + i, value });
        }
      }
      for (const dead of [primary, names[n - 1]!].slice(0, f)) await fleet.kill(dead);
      fleet.start(away);
      await fleet.untilReady(away);
      const alive = names[1]!;
      await fleet.untilLevel(away, PATIENCE_MS);
      // It is one of the quorum that starts the next view.
      await set(fleet, alive, { timestamp: 1_000_000, value: "late" });
      await eventually("it takes part", async () => {
        const [its, other] = [await fleet.status(away), await fleet.status(alive)];
        return its !== null && its.lastExecuted === other?.lastExecuted && its.history === other.history;
      }, PATIENCE_MS);
    } finally {
      await fleet.stop();
    }
  });
}
