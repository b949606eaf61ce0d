/**
 * The state at which an epoch starts, as the node of a member knows of it: whether its store has it, and how it takes it from members of the
 * epoch before.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import { type Entered, type Epoch, sayEntered } from "../../wire/epochs/mod.ts";
import { encodeFrame } from "../../wire/mod.ts";
import type { DurableReplica } from "../durable/durable_replica.ts";
import type { Core } from "../durable/task.ts";
import { sign } from "../environment.ts";
import type { Signer } from "../ports.ts";

/** What it needs of its node. */
export interface EpochStartOptions {
  readonly self: ReplicaId;
  readonly epoch: Epoch;
  readonly signer: Signer;
  readonly hash: (bytes: Uint8Array) => Digest;
  readonly replica: () => Pick<DurableReplica, "core" | "run">;
}

/** How a member gets the state at which its epoch starts, and says that it has it. */
export interface EpochEntry {
  /** What the member says once its store has the state; `null` before, in epoch 0, and while halted. */
  entered(): Entered | null;
  /** The frame of a signed fetch, with which it asks members of the epoch before. No two are the same. */
  signFetch(digests: readonly Digest[]): Uint8Array;
  /** Takes blobs that somebody has given. Each counts only if it has a digest that is wanted. */
  receive(blobs: readonly Uint8Array[]): void;
}

/** The state at which the epoch of a node starts. */
export class EpochStart implements EpochEntry {
  readonly #options: EpochStartOptions;
  /** Whether the store has it. */
  #isStored = false;
  #fetches = 0;

  constructor(options: EpochStartOptions) {
    this.#options = options;
  }

  /** A core was made of what the store has. */
  restored(core: Core): void {
    this.#isStored ||= core.status().lastExecuted >= (this.#options.epoch.start?.sequence ?? 0);
  }

  /** Events are released once the records of their step are durable. */
  hear(events: readonly ReplicaEvent[]): void {
    if (events.some((event) => event.kind === "state-transfer" && event.phase === "finished")) this.#isStored = true;
  }

  entered(): Entered | null {
    const { epoch, self, signer, replica } = this.#options;
    return this.#isStored && replica().core ? sayEntered(epoch, self, signer) : null;
  }

  signFetch(digests: readonly Digest[]): Uint8Array {
    const { self, signer } = this.#options;
    return encodeFrame(sign(signer, { kind: "fetch", replica: self, number: ++this.#fetches, digests }));
  }

  receive(blobs: readonly Uint8Array[]): void {
    const { self, hash, replica } = this.#options;
    const fetched = blobs.map((bytes) => ({ digest: hash(bytes), bytes }));
    replica().run([{ input: { kind: "blobs", from: self, blobs: fetched } }]);
  }
}
