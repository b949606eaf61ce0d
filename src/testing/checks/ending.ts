/**
 * The invariants at the end of a run.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import { pack } from "../../wire/mod.ts";
import { isBody, unnamedBlobs } from "../hosts/leaks.ts";
import type { Machine } from "../hosts/machine.ts";
import type { World } from "../world/world.ts";

/**
 * The most unreferenced blobs in a store. A process that died during a state transfer leaves its fetched blobs there
 * for a while.
 */
const MOST_UNNAMED = 64;

/** The store of a healed replica contains no unreferenced blobs, unless it is fetching a state. */
export function checkStores({ report }: World, machines: readonly Machine[]): void {
  for (const { node, disk, isFaulty, label, world: { genesis } } of machines) {
    if (!node || isFaulty || node.status().replica.transferring) continue;
    const unnamed = unnamedBlobs(disk, genesis);
    const bodies = unnamed.filter((digest) => isBody(disk.blobs.get(digest)!, genesis)).length;
    if (unnamed.length > MOST_UNNAMED || bodies > 0) {
      const what =
        `${unnamed.length} of ${disk.blobs.size} blobs that nothing names, ${bodies} of them bodies of batches`;
      return report("bounds", `${label} has ${what}`);
    }
  }
}

/** The healed replicas have executed everything that any replica ever executed. */
export function checkDurability(world: World, machines: readonly Machine[]): void {
  const { report, checker: { executions }, crypto } = world;
  const histories = new Map<number, Digest>();
  let history = "0".repeat(64) as Digest;
  for (let sequence = 1; sequence <= executions.highest; sequence++) {
    const entry = executions.entries.get(sequence as never);
    if (!entry) return report("order", `nobody executed ${sequence}, although ${executions.highest} was`);
    history = crypto.hash(pack([history, entry.digest] as Plain));
    histories.set(sequence, history);
  }
  for (const { node, label, isFaulty } of machines) {
    if (!node || isFaulty) continue;
    const { lastExecuted, history } = node.status().replica;
    // A step that is not durable yet may be ahead of everything that was sent.
    if (lastExecuted === 0 || lastExecuted > executions.highest || histories.get(lastExecuted) === history) continue;
    report(
      "durability",
      `${label} at ${lastExecuted} has not executed what the others have`,
    );
  }
}
