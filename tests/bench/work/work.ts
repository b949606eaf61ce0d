/**
 * What callers do: one kind per file of this folder.
 * @module
 */
import type { ClusterFile } from "../../../src/client/mod.ts";
import { alone } from "./alone.ts";
import { bundled } from "./bundled.ts";
import { fill } from "./fill.ts";
import { gateway } from "./gateway.ts";
import { queries } from "./queries.ts";
import { scattered } from "./scattered.ts";

/** As much of a client as the bench needs: the one of another checkout has it, too. */
export interface BenchClient {
  submit(operation: string): Promise<unknown>;
  query(operation: string): Promise<unknown>;
  close(): void;
}

/** What a work is made from. */
export interface WorkOptions {
  readonly cluster: ClusterFile;
  readonly createClient: () => BenchClient;
  readonly callers: number;
  /** The length of an operation, in bytes. */
  readonly payload: number;
}

/** Callers at work. */
export interface Work {
  /** One operation of a caller, from 0. Rejects if it fails. */
  call(caller: number): Promise<unknown>;
  close(): void;
}

/** A kind of work. */
export interface Kind {
  /** For `--help`. */
  readonly what: string;
  /** A round ends after so many operations (`keys`), not after a time. */
  readonly byCount?: boolean;
  readonly start: (options: WorkOptions) => Work;
}

export const KINDS = { bundled, alone, gateway, queries, fill, scattered } as const satisfies Record<string, Kind>;
/** The name of a kind. */
export type KindName = keyof typeof KINDS;
