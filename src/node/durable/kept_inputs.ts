/**
 * What a node keeps, beside the core's records, on a host that may stop it between any two messages: the inputs that the
 * replica took and is not done with, and its timers. So votes that come to several instances, or over several starts, reach
 * a quorum all the same, and a store that was read is as good as memory.
 *
 * | key | value |
 * | --- | --- |
 * | `input/prepare/N/R`, `input/commit/N/R`, `input/checkpoint/N/R` | the frame of replica R's message on number N |
 * | `input/decision/N` | the frame of a proof that N is decided, until it is executed: its body may come to another start |
 * | `input/stable-checkpoint` | the frame of the last proof of a stable checkpoint, until this replica's own window is there |
 * | `input/view-change/R` | the frame of R's last view-change |
 * | `input/suspicion/R` | the frame of what R said last of leaving a view |
 * | `input/request/D` | the frame of the request with digest D, while it waits |
 * | `timers` | {@linkcode Timers} |
 *
 * It is bounded as the core's memory is: one message per sender and number between the watermarks, the requests that the core
 * has room for, of each sender so many checkpoints as the window has.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import type { Input, MessageInput, Ready } from "../../core/io.ts";
import type { Record, Timers } from "../../core/records.ts";
import type {
  AnyRequest,
  Checkpoint,
  Commit,
  Decision,
  Prepare,
  Signed,
  SignedRequest,
  StableCheckpoint,
  Suspicion,
  Verified,
  ViewChange,
} from "../../core/messages/messages.ts";
import { encodeFrame, unpack } from "../../wire/mod.ts";
import { withDigest } from "../environment.ts";
import type { WriteSet } from "../storage/record_book.ts";
import { plainOf, suspicionIn, timersOf } from "../storage/timers_record.ts";

/** What a store has kept. */
export interface Kept {
  readonly inputs: readonly MessageInput[];
  readonly timers?: Timers;
}

/** An input that is worth keeping. */
type KeptInput = Extract<
  MessageInput,
  {
    kind:
      | "prepare"
      | "commit"
      | "decision"
      | "checkpoint"
      | "stable-checkpoint"
      | "suspicion"
      | "view-change"
      | "request";
  }
>;

type Kind = KeptInput["kind"];

const KINDS: readonly Kind[] = [
  "prepare",
  "commit",
  "decision",
  "checkpoint",
  "stable-checkpoint",
  "suspicion",
  "view-change",
  "request",
];
const STABLE = "input/stable-checkpoint";
/** Timers alone are written this often, ms. */
const TIMERS_MS = 250;

/** Keeps what one replica took. */
export class KeptInputs {
  readonly #keys: { readonly [kind in Kind]: Set<string> } = {
    prepare: new Set(),
    commit: new Set(),
    decision: new Set(),
    "stable-checkpoint": new Set(),
    checkpoint: new Set(),
    suspicion: new Set(),
    "view-change": new Set(),
    request: new Set(),
  };
  readonly #maxCheckpoints: number;
  #timers = "";
  /** The clock when they were written last, and what was waited for then. */
  #timersAt = -Infinity;
  #suspicion = "";

  /** Starts with the keys that the store has, and the timers in it. */
  constructor({ checkpointInterval, logWindow }: Genesis, keys: Iterable<string>, timers?: Timers) {
    if (timers) this.#noteWritten(timers);
    for (const key of keys) {
      const [kept, kind] = key.split("/", 2);
      if (kept === "input") this.#keys[kind as Kind]?.add(key);
    }
    this.#maxCheckpoints = logWindow / checkpointInterval + 1;
  }

  /** Adds to a change what is to be kept after a step, and removes what is done with. */
  note(input: Input, { records, replies, events, admission }: Ready, writes: WriteSet): void {
    const wasRefused = admission === "full" || events.some(({ kind }) => kind === "discarded");
    if (isKept(input) && !wasRefused) this.#put(input, writes);
    for (const record of records) this.#prune(record, writes);
    for (const { reply } of replies) this.#drop("request", `input/request/${reply.request}`, writes);
  }

  /** Adds the timers, if a start without them would make a difference. */
  noteTimers(timers: Timers, writes: WriteSet): void {
    const plain = plainOf(timers);
    const steady = plain.slice(2).join();
    const isWaiting = timers.suspectAt !== null;
    // While something is waited for, each moment awake counts.
    if (steady === this.#timers && !isWaiting) return;
    // By themselves they are not worth a commit each time: a start counts from the last one on.
    const elapsedMs = timers.steppedAt - this.#timersAt;
    const isAsPatient = suspicionIn(plain) === this.#suspicion;
    if (writes.count === 0 && isAsPatient && elapsedMs >= 0 && elapsedMs < TIMERS_MS) return;
    this.#noteWritten(timers);
    writes.put("timers", plain);
    writes.count++;
  }

  /** Removes all inputs; what they are for is sent again. */
  clear(writes: WriteSet): void {
    for (const kind of KINDS) for (const key of [...this.#keys[kind]]) this.#drop(kind, key, writes);
  }

  #noteWritten(timers: Timers): void {
    const plain = plainOf(timers);
    this.#timers = plain.slice(2).join();
    this.#timersAt = timers.steppedAt;
    this.#suspicion = suspicionIn(plain);
  }

  #put(input: KeptInput, writes: WriteSet): void {
    const key = keyOf(input);
    this.#keys[input.kind].add(key);
    writes.put(key, encodeFrame(signedOf(input)));
    writes.count++;
    if (input.kind === "checkpoint") this.#boundCheckpoints(input.checkpoint.message.replica, writes);
  }

  /** Keys sort as their numbers do. */
  #boundCheckpoints(replica: number, writes: WriteSet): void {
    const own = [...this.#keys.checkpoint].filter((key) => key.endsWith(`/${replica}`)).sort();
    for (const key of own.slice(0, Math.max(0, own.length - this.#maxCheckpoints))) {
      this.#drop("checkpoint", key, writes);
    }
  }

  #prune(record: Record, writes: WriteSet): void {
    if (record.kind === "forget") {
      for (const kind of ["prepare", "commit", "decision", "checkpoint"] as const) {
        const above = placeOf(kind, record.through + 1);
        for (const key of this.#keys[kind]) if (key < above) this.#drop(kind, key, writes);
      }
    }
    if (record.kind === "committed") this.#drop("decision", placeOf("decision", record.sequence), writes);
    if (record.kind === "stable") this.#drop("stable-checkpoint", STABLE, writes);
    // The others' view-changes have led to this view; one for a later view is sent again.
    if (record.kind === "view" && record.newView) {
      for (const kind of ["suspicion", "view-change"] as const) {
        for (const key of this.#keys[kind]) this.#drop(kind, key, writes);
      }
    }
  }

  #drop(kind: Kind, key: string, writes: WriteSet): void {
    if (!this.#keys[kind].delete(key)) return;
    writes.records.set(key, null);
    writes.count++;
  }
}

/** Reads back what was kept. `frame`: decodes one, and throws if it can't. */
export function readKept(
  records: ReadonlyMap<string, Uint8Array>,
  frame: (key: string, bytes: Uint8Array) => Signed,
  hash: (bytes: Uint8Array) => Digest,
): Kept {
  const keys = [...records.keys()].filter((key) => key.startsWith("input/")).sort();
  const timers = records.get("timers");
  return {
    inputs: keys.map((key) => inputOf(frame(key, unpack(records.get(key)!) as Uint8Array), hash)),
    ...(timers && { timers: timersOf(unpack(timers) as readonly number[]) }),
  };
}

function isKept(input: Input): input is KeptInput {
  return (KINDS as readonly string[]).includes(input.kind);
}

function signedOf(input: KeptInput): Signed {
  switch (input.kind) {
    case "prepare":
      return input.prepare;
    case "commit":
      return input.commit;
    case "decision":
      return input.decision;
    case "stable-checkpoint":
      return input.stable;
    case "checkpoint":
      return input.checkpoint;
    case "suspicion":
      return input.suspicion;
    case "view-change":
      return input.viewChange;
    case "request":
      return input.request;
  }
}

function keyOf(input: KeptInput): string {
  if (input.kind === "request") return `input/request/${input.request.digest}`;
  if (input.kind === "suspicion") return `input/suspicion/${input.suspicion.message.replica}`;
  if (input.kind === "view-change") return `input/view-change/${input.viewChange.message.replica}`;
  if (input.kind === "stable-checkpoint") return STABLE;
  if (input.kind === "decision") return placeOf("decision", input.decision.message.commits[0]!.message.sequence);
  const { sequence, replica } = (signedOf(input) as Signed<Prepare | Commit | Checkpoint>).message;
  return `${placeOf(input.kind, sequence)}/${replica}`;
}

/** What the keys of a kind of message on a number begin with. */
function placeOf(kind: "prepare" | "commit" | "decision" | "checkpoint", sequence: number): string {
  return `input/${kind}/${String(sequence).padStart(16, "0")}`;
}

/** Signatures were checked before it was written. */
function inputOf(signed: Signed, hash: (bytes: Uint8Array) => Digest): MessageInput {
  switch (signed.message.kind) {
    case "prepare":
      return { kind: "prepare", prepare: signed as Verified<Signed<Prepare>> };
    case "commit":
      return { kind: "commit", commit: signed as Verified<Signed<Commit>> };
    case "decision":
      return { kind: "decision", decision: signed as Verified<Signed<Decision>> };
    case "stable-checkpoint":
      return { kind: "stable-checkpoint", stable: signed as Verified<Signed<StableCheckpoint>> };
    case "checkpoint":
      return { kind: "checkpoint", checkpoint: signed as Verified<Signed<Checkpoint>> };
    case "suspicion":
      return { kind: "suspicion", suspicion: signed as Verified<Signed<Suspicion>> };
    case "view-change":
      return { kind: "view-change", viewChange: signed as Verified<Signed<ViewChange>> };
    case "request":
    case "gateway-request":
      return { kind: "request", request: withDigest(signed as Signed<AnyRequest>, hash) as Verified<SignedRequest> };
    default:
      throw new TypeError(`expected an input that is kept, got a ${signed.message.kind}`);
  }
}
