/**
 * The JSON of the routes as types, and the type of the app for Hono's `hc`.
 * @module
 */
import type { Hono } from "hono";
/** The body of `POST /req`. */
export interface ReqBody {
  /** Who asks: a name of your choice, 1 to 128 bytes of printable characters. */
  readonly clientID: string;
  /**
   * Larger each time. The same one again gives the same result, and runs nothing twice. Without it the replica makes
   * one.
   */
  readonly timestamp?: number;
  /** The state machine's operation: a text, or an object, which is sent as its JSON. */
  readonly operation: string | { readonly [field: string]: unknown };
}

/** The answer of `POST /req`: the result of an operation that was executed. */
export interface ReqAnswer {
  /** The view in which the replicas answered. */
  readonly viewID: number;
  /** The request's timestamp, or the one that was made for it. */
  readonly timestamp: number;
  /** The request's clientID. */
  readonly clientID: string;
  /** The replica that was asked. */
  readonly nodeID: string;
  /** The sequence number at which it was executed. */
  readonly sequenceID: number;
  /** The state machine's result: its JSON, or its text; `null` if it is neither. */
  readonly result: unknown;
  /** The bytes of a result that is neither JSON nor text. */
  readonly resultBase64?: string;
  /** The f + 1 replicas that gave this result. */
  readonly voters: readonly string[];
}

/** An open sequence number. */
export interface OpenNumber {
  /** The sequence number. */
  readonly sequence: number;
  /** How far it is: idle, pre-prepared, prepared or committed. */
  readonly stage: string;
  /** Prepares that were counted. */
  readonly prepares: number;
  /** Commits that were counted. */
  readonly commits: number;
}

/** The state of the way to one member. */
export interface PeerJson {
  /** The member's name. */
  readonly nodeID: string;
  /** Whether it is in reach, and in the same view as far as is known. */
  readonly inReach: boolean;
  /** How far its clock is ahead, ms; `null` if unknown. */
  readonly clockAheadMs: number | null;
  /** Queued frames. */
  readonly depth: number;
  /** Bytes of the queued frames. */
  readonly bytes: number;
  /** Frames dropped since the start. */
  readonly dropped: number;
  /** Failed deliveries since the start. */
  readonly failures: number;
  /** Why deliveries fail now, and since when; `null` if they do not. */
  readonly unreachable: { readonly reason: string; readonly since: number } | null;
  /** The connection, where the transport knows it. */
  readonly link?: { readonly isSocketOpen: boolean; readonly socketFailures: number };
}

/** The answer of `GET /status`. */
export interface StatusJson {
  /** The member's name, and its number. */
  readonly nodeID: string;
  /** The member's number. */
  readonly replica: number;
  /** The cluster's id, and its name. */
  readonly cluster: string;
  /** The name of the cluster. */
  readonly clusterName: string;
  /** The epoch that it runs in; 0 while the genesis holds. */
  readonly epoch: number;
  /** The version of the state machine. */
  readonly stateMachine: string;
  /** The replica's clock, ms, and how far it is ahead of the others'; `null` if unknown. */
  readonly now: number;
  /** How far its clock is ahead, ms; `null` if unknown. */
  readonly clockAheadMs: number | null;
  /** Whether it takes part, and if not, why. */
  readonly ready: boolean;
  /** Why it does not take part; `null` if it does. */
  readonly notReady: string | null;
  /** Why it has halted; `null` if it has not. */
  readonly halted: string | null;
  /** Why commits to its store fail; `null` if they do not. */
  readonly storeError: string | null;
  /** The view that it is in, or moves to. */
  readonly viewID: number;
  /** The primary of that view. */
  readonly primary: string;
  /** Whether the view has started. */
  readonly active: boolean;
  /** Everything up to this number is in the state. */
  readonly lastExecuted: number;
  /** The last stable checkpoint. */
  readonly lowWatermark: number;
  /** The last number before the next stable checkpoint. */
  readonly highWatermark: number;
  /** The open sequence numbers, ascending. */
  readonly slots: readonly OpenNumber[];
  /** Requests that wait. */
  readonly pendingRequests: number;
  /** Open sessions of signed clients. */
  readonly sessions: number;
  /** Remembered names of unsigned clients. */
  readonly names: number;
  /** The root digest of the last checkpoint; `null` before the first. */
  readonly stateRoot: string | null;
  /** The hash chain over the executed batches. */
  readonly history: string;
  /** The agreed time of the last executed batch, ms. */
  readonly agreedTime: number;
  /** Whether it fetches a state from the others. */
  readonly transferring: boolean;
  /** Whether it recovers from a lost disk. */
  readonly recovering: boolean;
  /** The version of the state machine that it lacks to close the epoch. */
  readonly lacksVersion?: string;
  /** Present while it waits for messages of its own after a restart. */
  readonly isAsking?: boolean;
  /** Set if the state machine could not give its state at this number. */
  readonly unsealed?: number;
  /** How many proofs against other members it holds; `GET /evidence` has them. */
  readonly evidence: number;
  /** When it next acts by itself, ms; `null` if it waits. */
  readonly alarmAt: number | null;
  /** The same from now on, ms. */
  readonly alarmInMs: number | null;
  /** How many frames and requests wait. */
  readonly buffers: { readonly inbox: number; readonly pendingRequests: number };
  /** Store commits since the start. */
  readonly commits: number;
  /** Reloads from the store since the start. */
  readonly reloads: number;
  /** Inputs on which the core threw since the start. */
  readonly inputFaults: number;
  /** The last of them. */
  readonly lastInputFault: {
    readonly input: string;
    readonly from: number | string | null;
    readonly error: string;
    readonly at: number;
  } | null;
  /** The way to each other member. */
  readonly peers: readonly PeerJson[];
  /** The URLs of the members by name. */
  readonly nodeTable: { readonly [name: string]: string | null };
}

/** An error (RFC 9457). */
export interface ProblemJson {
  /** `urn:problem-type:pbft:` and the kind. */
  readonly type: string;
  /** The kind, for people. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** The fault of this request, and the next step. */
  readonly detail: string;
  /** The wrong field. */
  readonly field?: string;
  /** The expected value. */
  readonly expected?: string;
  /** The actual value. */
  readonly got?: string;
  /** Further members, such as `clientID` and `timestamp`. */
  readonly [more: string]: unknown;
}

/**
 * A route of {@linkcode AppType}: its input, its answer, and its errors. A type, as Hono asks for index signatures,
 * which interfaces lack.
 */
export type JsonRoute<Input, Output> =
  | { readonly input: Input; readonly output: Output; readonly outputFormat: "json"; readonly status: 200 }
  | {
    readonly input: Input;
    readonly output: ProblemJson;
    readonly outputFormat: "json";
    readonly status: 400 | 403 | 408 | 409 | 410 | 413 | 415 | 421 | 422 | 429 | 500 | 503 | 504;
  };

/**
 * The JSON routes of a replica, for Hono's client:
 *
 * ```ts ignore
 * import { hc } from "hono/client";
 * import type { AppType } from "@pbft/edge/hono";
 * const replica = hc<AppType>("http://localhost:1111");
 * const response = await replica.req.$post({ json: { clientID: "ada", operation: "INCR visits" } });
 * if (response.ok) console.log((await response.json()).result);
 * ```
 */
export type AppType = Hono<Record<never, never>, {
  "/req": { $post: JsonRoute<{ json: ReqBody }, ReqAnswer> };
  "/status": { $get: JsonRoute<Record<never, never>, StatusJson> };
}, "/">;
