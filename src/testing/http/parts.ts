/**
 * The parts of a run with callers over HTTP, as the run knows them.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { ClientOptions } from "../clients/signed_client.ts";
import type { HttpPlan } from "../plan/plan.ts";
import type { SimulatedCryptography } from "../world/cryptography.ts";
import type { World } from "../world/world.ts";
import type { Web, WebParts } from "./ports.ts";

/** One who asks for operations. */
export interface Caller {
  /** Whether all its operations are answered. */
  readonly isDone: boolean;
  /** Starts. */
  start(): void;
  /** The faults are over: from now on its pauses are short, and each operation must be answered. */
  hurry(): void;
}

/** The callers over HTTP of one run. */
export interface HttpCallers {
  /** The signed client with this index; `null`: it is a simulated one. */
  client(index: number, options: ClientOptions): Caller | null;
  /** The unsigned client with this index; `null`: it is a simulated one. `gateways`: the replicas that it may trust. */
  guest(index: number, options: ClientOptions, gateways: () => readonly ReplicaId[]): Caller | null;
  /** Those who watch. */
  watchers(): readonly Caller[];
  /** The faults are over. */
  heal(): void;
  /** At the end: compares what they believe with what was executed. */
  check(): Promise<void>;
}

/** Makes what a plan with callers over HTTP needs. */
export interface HttpParts {
  /** Signatures and hashes as in production, as the client library has them. */
  createCryptography(): SimulatedCryptography;
  createWeb(parts: WebParts, plan: HttpPlan): Web;
  createCallers(world: World, plan: HttpPlan): HttpCallers;
}
