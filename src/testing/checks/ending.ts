/**
 * What must hold once a run is over.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import { pack } from "../../wire/mod.ts";
import { isBody, unnamedBlobs } from "../hosts/leaks.ts";
import type { Machine } from "../hosts/machine.ts";
import type { World } from "../world/world.ts";

/** Blobs in a store that nothing names, at most: what a state transfer had fetched when its process died stays for now. */
const MOST_UNNAMED = 64;

/** Nothing is in a healed replica's store that nothing names, unless a state is just being fetched. */
export function checkStores({ report, genesis }: World, machines: readonly Machine[]): void {
  for (const { node, disk, isFaulty, label } of machines) {
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

/** The healed replicas have executed all that anybody ever has. */
export function checkDurability(world: World, machines: readonly Machine[]): void {
  const { report, checker: { executions }, crypto, genesis } = world;
  const histories = new Map<number, Digest>();
  let history = "0".repeat(64) as Digest;
  for (let sequence = 1; sequence <= executions.highest; sequence++) {
    const entry = executions.entries.get(sequence as never);
    if (!entry) return report("order", `nobody executed ${sequence}, although ${executions.highest} was`);
    history = crypto.hash(pack([history, entry.digest] as Plain));
    histories.set(sequence, history);
  }
  for (const { node, replica, isFaulty } of machines) {
    if (!node || isFaulty) continue;
    const { lastExecuted, history } = node.status().replica;
    // Beyond what anybody has let out: a step that is not durable yet.
    if (lastExecuted === 0 || lastExecuted > executions.highest || histories.get(lastExecuted) === history) continue;
    report(
      "durability",
      `${genesis.replicas[replica]!.name} at ${lastExecuted} has not executed what the others have`,
    );
  }
}
