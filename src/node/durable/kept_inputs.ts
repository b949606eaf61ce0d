/**
 * Persisted inputs, for a host that may stop the node between any two messages: received inputs that the replica still
 * needs, and its timers. So votes that arrive at several instances, or over several starts, still reach a quorum, and a
 * restored replica is as good as one in memory.
 *
 * | key | value |
 * | --- | --- |
 * | `input/prepare/N/R`, `input/commit/N/R`, `input/checkpoint/N/R` | the frame of replica R's message on number N |
 * | `input/decision/N` | the frame of a proof that N is decided, until N is executed: the body may arrive at another start |
 * | `input/stable-checkpoint` | the frame of the last proof of a stable checkpoint, until this replica's window has reached it |
 * | `input/view-change/R` | the frame of R's last view-change |
 * | `input/suspicion/R` | the frame of R's last suspicion |
 * | `input/request/D` | the frame of the request with digest D, while it waits |
 * | `timers` | {@linkcode Timers} |
 *
 * Votes that a record contains are not kept besides it: prepares once their number is prepared in their view, commits once it is executed.
 * Mostly these votes arrive together with the one that completes the quorum, and then they are never written.
 *
 * The size is bounded like the core's memory: one message per sender and number between the watermarks, the requests
 * that the core accepts, and per sender as many checkpoints as fit in the window.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest, SequenceNumber, View } from "../../core/messages/ids.ts";
import type { Input, MessageInput, Ready } from "../../core/io.ts";
import type { Record, StoredState, Timers } from "../../core/records.ts";
import type {
  AnyRequest,
  Checkpoint,
  Commit,
  Decision,
  Prepare,
  PrePrepare,
  Signed,
  SignedRequest,
  StableCheckpoint,
  Suspicion,
  Verified,
  ViewChange,
} from "../../core/messages/messages.ts";
import { encodeFrame, unpack } from "../../wire/mod.ts";
import { withDigest } from "../environment.ts";
import type { WriteSet } from "../storage/record_writer.ts";
import { areAlike, CLOCKS_APART_MS, plainOf, setBack, suspectAlike, timersOf } from "../storage/timers_record.ts";
import { signedOf } from "./task.ts";

/** The persisted inputs and timers in a store. */
export interface Kept {
  readonly inputs: readonly MessageInput[];
  readonly timers?: Timers;
}

/** An input that is persisted. */
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
/** Minimum interval of commits with nothing but timers, ms. */
const TIMERS_MS = 250;

/** Persists the inputs of one replica. */
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
  readonly #n: number;
  readonly #maxCheckpoints: number;
  /** The views of the prepares that this instance has put, by key. */
  readonly #views = new Map<string, View>();
  /** The views in which numbers are prepared, as far as this instance has seen it. */
  readonly #preparedIn = new Map<SequenceNumber, View>();
  /** The change under construction, and the inputs in it of which the store has nothing yet. */
  #change: WriteSet | null = null;
  readonly #fresh = new Set<string>();
  /** The timers as they were last written; `null`: never. */
  #timers: Timers | null;

  /** Starts with the keys, the timers and the prepared certificates in the store. */
  constructor(
    { replicas, checkpointInterval, logWindow }: Genesis,
    keys: Iterable<string>,
    { timers, prepared = [] }: { readonly timers?: Timers | undefined; readonly prepared?: StoredState["prepared"] },
  ) {
    for (const { prePrepare: { message } } of prepared) this.#preparedIn.set(message.sequence, message.view);
    this.#timers = timers ?? null;
    for (const key of keys) {
      const [kept, kind] = key.split("/", 2);
      if (kept === "input") this.#keys[kind as Kind]?.add(key);
    }
    this.#n = replicas.length;
    this.#maxCheckpoints = logWindow / checkpointInterval + 1;
  }

  /** Adds the inputs of a step to a change, and removes those that are no longer needed. */
  note(input: Input, { records, replies, events, admission }: Ready, writes: WriteSet): void {
    const wasRefused = admission === "full" || events.some(({ kind }) => kind === "discarded");
    if (writes !== this.#change) this.#fresh.clear();
    this.#change = writes;
    if (isKept(input) && !wasRefused && !this.#isContained(input)) this.#put(input, writes);
    for (const record of records) this.#prune(record, writes);
    for (const { reply } of replies) this.#drop("request", `input/request/${reply.request}`, writes);
  }

  /** Adds the timers, if a restart without them would behave differently. */
  noteTimers(timers: Timers, writes: WriteSet): void {
    const plain = plainOf(timers);
    const written = this.#timers && this.#onThisClock(this.#timers, timers.steppedAt);
    const before = written ? plainOf(written) : [];
    const isWaiting = timers.suspectAt !== null;
    // While the primary may be suspected, the time awake is needed.
    if (!isWaiting && areAlike(plain, before)) return;
    // Timers alone are not worth a commit each time: a restart counts from the last written ones.
    const elapsedMs = timers.steppedAt - (written?.steppedAt ?? -Infinity);
    if (writes.count === 0 && suspectAlike(plain, before) && elapsedMs >= 0 && elapsedMs < TIMERS_MS) return;
    this.#timers = timers;
    writes.put("timers", plain);
    writes.count++;
  }

  /**
   * Timers of another instance, whose clock is a little ahead, by this one's. Without that two instances would write, and the one ahead would take each
   * write for time that has passed: each commit of one made the other start anew, without end.
   * The price: what this one has waited for its primary is not written for that alone, until its clock has overtaken the one ahead. If it starts anew
   * before that, it waits so much longer, {@linkcode CLOCKS_APART_MS} at most.
   */
  #onThisClock(written: Timers, now: number): Timers {
    const ahead = written.steppedAt - now;
    return ahead > 0 && ahead <= CLOCKS_APART_MS ? setBack(written, ahead) : written;
  }

  /** Removes all inputs; their senders send them again. */
  clear(writes: WriteSet): void {
    for (const kind of KINDS) for (const key of [...this.#keys[kind]]) this.#drop(kind, key, writes);
  }

  #put(input: KeptInput, writes: WriteSet): void {
    const key = keyOf(input);
    if (!this.#keys[input.kind].has(key) && !writes.records.has(key)) this.#fresh.add(key);
    this.#keys[input.kind].add(key);
    if (input.kind === "prepare") this.#views.set(key, input.prepare.message.view);
    writes.put(key, encodeFrame(input.kind === "request" ? input.request : signedOf(input)));
    writes.count++;
    if (input.kind === "checkpoint") this.#boundCheckpoints(input.checkpoint.message.replica, writes);
  }

  /** Whether it is a prepare for a number that is prepared in its view or a later one. */
  #isContained(input: KeptInput): boolean {
    if (input.kind !== "prepare") return false;
    const { sequence, view } = input.prepare.message;
    return view <= (this.#preparedIn.get(sequence) ?? -1);
  }

  /** Keys sort by their sequence numbers. */
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
      for (const number of this.#preparedIn.keys()) if (number <= record.through) this.#preparedIn.delete(number);
    }
    if (record.kind === "prepared") this.#dropPrepares(record.prePrepare.message, writes);
    if (record.kind === "committed") {
      this.#drop("decision", placeOf("decision", record.sequence), writes);
      this.#dropVotes("commit", record.sequence, writes);
    }
    if (record.kind === "stable") this.#drop("stable-checkpoint", STABLE, writes);
    // The others' view-changes have led to this view; those for a later view are sent again.
    if (record.kind === "view" && record.newView) {
      for (const kind of ["suspicion", "view-change"] as const) {
        for (const key of this.#keys[kind]) this.#drop(kind, key, writes);
      }
    }
  }

  /** Drops the prepares of this view and earlier ones. One of a later view may count in that view. */
  #dropPrepares({ sequence, view }: PrePrepare, writes: WriteSet): void {
    this.#preparedIn.set(sequence, view);
    this.#dropVotes("prepare", sequence, writes, (key) => (this.#views.get(key) ?? Infinity) <= view);
  }

  #dropVotes(kind: "prepare" | "commit", sequence: number, writes: WriteSet, isDone = (_key: string) => true): void {
    const place = placeOf(kind, sequence);
    for (let replica = 0; replica < this.#n; replica++) {
      const key = `${place}/${replica}`;
      if (isDone(key)) this.#drop(kind, key, writes);
    }
  }

  #drop(kind: Kind, key: string, writes: WriteSet): void {
    if (!this.#keys[kind].delete(key)) return;
    this.#views.delete(key);
    if (this.#fresh.delete(key)) {
      writes.records.delete(key);
      writes.count--;
      return;
    }
    writes.records.set(key, null);
    writes.count++;
  }
}

/** Decodes the persisted inputs. `frame`: decodes one frame, and throws if it is damaged. */
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

function keyOf(input: KeptInput): string {
  if (input.kind === "request") return `input/request/${input.request.digest}`;
  if (input.kind === "suspicion") return `input/suspicion/${input.suspicion.message.replica}`;
  if (input.kind === "view-change") return `input/view-change/${input.viewChange.message.replica}`;
  if (input.kind === "stable-checkpoint") return STABLE;
  if (input.kind === "decision") return placeOf("decision", input.decision.message.commits[0]!.message.sequence);
  const { sequence, replica } = (signedOf(input) as Signed<Prepare | Commit | Checkpoint>).message;
  return `${placeOf(input.kind, sequence)}/${replica}`;
}

/** Prefix of the keys of one kind of message at a number. */
function placeOf(kind: "prepare" | "commit" | "decision" | "checkpoint", sequence: number): string {
  return `input/${kind}/${String(sequence).padStart(16, "0")}`;
}

/** Signatures were verified before the input was written. */
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
      throw new TypeError(`input: expected a kind that is persisted, got ${signed.message.kind}`);
  }
}
