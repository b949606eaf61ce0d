/**
 * Tells a watcher what happens in a run. It changes nothing in it: a run that is watched is the same run.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { ReplicaNode } from "../../node/node.ts";
import { summaryOf } from "../../node/watching/summary.ts";
import type { SimulatedCryptography } from "../world/cryptography.ts";
import type { Engine } from "../world/engine.ts";
import { type MachineState, type Shown, snapshotOf, type Watcher } from "./shown.ts";

type Condition = Exclude<MachineState, "running">;

/** The condition that is shown, if there are several. */
const SHOWN_FIRST: readonly Condition[] = ["stopped", "paused", "cut", "lying"];

/** Events of which there are many and that the page does not show. */
const UNSHOWN: readonly string[] = ["discarded", "request-received", "released", "checkpoint-taken"];

/** Tells one watcher. */
export class Narrator {
  readonly #engine: Engine;
  readonly #crypto: SimulatedCryptography;
  readonly #watcher: Watcher;
  /** How often each condition holds: a replica may be behind two barriers. */
  readonly #conditions = new Map<ReplicaId, Map<Condition, number>>();
  readonly #states = new Map<ReplicaId, MachineState>();
  readonly #lives = new Map<ReplicaId, number>();

  constructor(engine: Engine, crypto: SimulatedCryptography, watcher: Watcher) {
    this.#engine = engine;
    this.#crypto = crypto;
    this.#watcher = watcher;
  }

  /** Says something about the cluster. */
  note(text: string, isAlarm = false): void {
    this.#tell(-1, { kind: "note", text, isAlarm });
  }

  /** A node runs on a machine. `lies`: what leaves it is told by {@linkcode Narrator.lied}. */
  watch(replica: ReplicaId, node: ReplicaNode, lies: boolean): void {
    const life = (this.#lives.get(replica) ?? 0) + 1;
    this.#lives.set(replica, life);
    this.#tell(replica, snapshotOf(node, life));
    node.watch({
      getsPayloads: true,
      onSeen: (seen) => {
        if (!lies || seen.kind !== "sent") this.#tell(replica, seen);
      },
    });
  }

  /** An event of a replica. */
  event(replica: ReplicaId, event: ReplicaEvent): void {
    if (!UNSHOWN.includes(event.kind)) this.#tell(replica, event);
  }

  /** A replica that lies has sent this. */
  lied(replica: ReplicaId, to: ReplicaId, frame: Uint8Array): void {
    this.#tell(replica, { kind: "sent", to, message: summaryOf(frame, this.#crypto.hash, true) });
  }

  /** A condition of a machine begins or ends. */
  condition(replica: ReplicaId, condition: Condition, begins: boolean): void {
    const own = this.#conditions.get(replica) ?? new Map<Condition, number>();
    this.#conditions.set(replica, own);
    const before = own.get(condition) ?? 0;
    // Only barriers add up.
    const most = condition === "cut" ? Infinity : 1;
    own.set(condition, Math.max(0, Math.min(most, before + (begins ? 1 : -1))));
    this.#showState(replica, own);
  }

  /** All barriers are gone. */
  reconnected(): void {
    for (const [replica, own] of this.#conditions) {
      own.delete("cut");
      this.#showState(replica, own);
    }
  }

  #showState(replica: ReplicaId, own: ReadonlyMap<Condition, number>): void {
    const state = SHOWN_FIRST.find((condition) => (own.get(condition) ?? 0) > 0) ?? "running";
    if (state === (this.#states.get(replica) ?? "running")) return;
    this.#states.set(replica, state);
    this.#tell(replica, { kind: "state", state });
  }

  #tell(replica: number, shown: Shown): void {
    this.#watcher(replica, this.#engine.now, shown);
  }
}
