/** What the page and its simulator say to each other. */
import type { LinkedAction, LinkedRun } from "../../src/page/link.ts";
import type { Shown } from "../../src/testing/watch/shown.ts";

/** A run that the page wants. */
export interface Order {
  readonly id: number;
  readonly run: Exclude<LinkedRun, { readonly kind: "lesson" }>;
  readonly actions: readonly LinkedAction[];
  /** Where a cluster without a plan ends, virtual ms. */
  readonly untilMs?: number;
  /** Whether to give the hash of the trace. */
  readonly wantsDigest?: boolean;
}

/** One thing that happened. */
export type Happened = readonly [replica: number, atMs: number, shown: Shown];

/** A run that is done. */
export interface Played {
  readonly id: number;
  readonly members: readonly string[];
  readonly events: readonly Happened[];
  readonly endMs: number;
  readonly violation: {
    readonly invariant: string;
    readonly words: string;
    readonly detail: string;
    readonly atMs: number;
  } | null;
  /** The SHA-256 of the trace's lines, if it was wanted. */
  readonly digest: string | null;
}

/** What the simulator answers. */
export type Answer = Played | { readonly id: number; readonly failed: string };
