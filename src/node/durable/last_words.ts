/**
 * What is known of a replica while it is read from its store anew: what its last core said.
 * @module
 */
import type { PeerMemory, ReplicaStatus } from "../../core/io.ts";
import type { Core } from "./task.ts";

/** Of the last core. */
export class LastWords {
  /** How it was. */
  status: ReplicaStatus;
  /** What it knew of the others, and no store keeps. */
  peers: PeerMemory | undefined;

  constructor(dormant: ReplicaStatus) {
    this.status = dormant;
  }

  /** It goes. */
  note(core: Core | null): void {
    if (!core) return;
    try {
      this.status = core.status();
      this.peers = core.peers?.();
    } catch {
      // A broken replica may not even be able to say how it is; then it is as it was last.
    }
  }
}
