/**
 * The last known status of a core, while the replica is reloaded.
 * @module
 */
import type { PeerMemory, ReplicaStatus } from "../../core/io.ts";
import type { Core } from "./task.ts";

/** The last known facts about the last core. */
export class LastWords {
  /** Its status. */
  status: ReplicaStatus;
  /** What it knew of the other replicas; the store does not have this. */
  peers: PeerMemory | undefined;

  constructor(dormant: ReplicaStatus) {
    this.status = dormant;
  }

  /** Records the facts before the core is discarded. */
  note(core: Core | null): void {
    if (!core) return;
    try {
      this.status = core.status();
      this.peers = core.peers?.();
    } catch {
      // A broken core may throw here too; then the earlier facts remain.
    }
  }
}
