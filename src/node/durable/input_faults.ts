/**
 * Inputs on which the core threw ("poison" inputs). There should be none: the core discards invalid messages with a
 * reason. If an input makes it throw all the same, the input is dropped, reported, and quarantined for a while, and the
 * replica is reloaded from its store. It does not halt: otherwise one such message could stop a replica for good.
 *
 * A replica halts only for errors that no input explains:
 *
 * - An {@linkcode InvariantError} of kind `divergence`: its state differs from the state that a quorum has signed. At most f replicas are
 *   faulty, so this one is wrong, and stays wrong.
 * - It throws at its start, without input, or spontaneously before any input: its store or the program is broken, and
 *   it would throw each time.
 *
 * A state machine that can't load its state is no reason to halt: a fixed version will load it.
 *
 * If the core throws spontaneously later (an alarm, or a loaded blob), earlier inputs may be the cause, so it is
 * reloaded.
 * @module
 */
import type { ClientId, ReplicaId } from "../../core/messages/ids.ts";
import { InvariantError } from "../../core/invariant.ts";
import { StateMachineError } from "../../core/ordering/machine_guard.ts";
import type { Input } from "../../core/io.ts";
import { sha256 } from "../../crypto/mod.ts";
import { utf8 } from "../../wire/mod.ts";
import type { InputFault, Timer } from "../ports.ts";
import { isInternal, signedOf } from "./task.ts";

/** Maximum number of remembered inputs and senders; beyond it the oldest are forgotten. */
const MAX_REMEMBERED = 1024;
/**
 * How long an input that made the core throw is quarantined, ms. Not for ever, as correct members send the same bytes
 * again.
 */
const REMEMBER_MS = 60_000;
/**
 * From the second fault on, all inputs of a sender are quarantined for this time, ms; it doubles with each fault. It is
 * short because the sender may be correct.
 */
const MIN_QUARANTINE_MS = 500;
const MAX_QUARANTINE_MS = 60_000;
/** Time after which one fault of a sender is forgiven, ms. */
const FORGIVEN_MS = 120_000;

/** The first reload after a fault is at once. Each further fault within this time delays the reload more, ms. */
const RECENT_MS = 10_000;
const MAX_RELOAD_DELAY_MS = 1_000;

interface Blame {
  faults: number;
  lastAt: number;
  until: number;
}

/** The input faults of one node. Times are of the monotonic clock. */
export class InputFaults {
  readonly #timer: Pick<Timer, "now" | "monotonic">;
  readonly #inputs = new Map<string, number>();
  readonly #senders = new Map<string, Blame>();
  /** Number of recent faults; it decreases by one every {@linkcode RECENT_MS}. */
  #recent = 0;
  #notedAt = 0;
  #count = 0;
  #last: InputFault | null = null;

  constructor(timer: Pick<Timer, "now" | "monotonic">) {
    this.#timer = timer;
  }

  /** Number of faults since the start. */
  get count(): number {
    return this.#count;
  }

  /** The last fault. */
  get last(): InputFault | null {
    return this.#last;
  }

  /**
   * Whether the replica must halt. `isUntouched`: no external input was processed since it was loaded from the store.
   */
  static isFatal(input: Input, error: unknown, isUntouched: boolean): boolean {
    if (error instanceof StateMachineError) return false;
    return (error instanceof InvariantError && error.kind === "divergence") || (isUntouched && !isFromOutside(input));
  }

  /** Records a fault, and quarantines the input and, on repeated faults, its sender. */
  note(input: Input, error: string): InputFault {
    const from = senderOf(input);
    const now = this.#timer.monotonic();
    this.#recent = Math.max(0, this.#recent - Math.floor((now - this.#notedAt) / RECENT_MS)) + 1;
    this.#notedAt = now;
    this.#count++;
    this.#last = { input: input.kind, from, error, at: this.#timer.now() };
    if (isFromOutside(input)) bound(this.#inputs).set(keyOf(input), now + REMEMBER_MS);
    if (from !== null) this.#blame(String(from));
    return this.#last;
  }

  /** How long to wait before the replica is reloaded, ms. */
  get reloadDelayMs(): number {
    return this.#recent <= 1 ? 0 : Math.min(MAX_RELOAD_DELAY_MS, 5 * 2 ** this.#recent);
  }

  /** Whether an input is quarantined now. */
  isQuarantined(input: Input): boolean {
    if (this.#count === 0 || !isFromOutside(input)) return false;
    const now = this.#timer.monotonic();
    const blame = this.#senders.get(String(senderOf(input)));
    if (blame && now < blame.until) return true;
    if (this.#inputs.size === 0) return false;
    const key = keyOf(input);
    const until = this.#inputs.get(key);
    if (until !== undefined && now >= until) this.#inputs.delete(key);
    return until !== undefined && now < until;
  }

  #blame(sender: string): void {
    const now = this.#timer.monotonic();
    const before = this.#senders.get(sender) ?? { faults: 0, lastAt: now, until: 0 };
    const forgiven = Math.floor((now - before.lastAt) / FORGIVEN_MS);
    const faults = Math.max(0, before.faults - forgiven) + 1;
    const quarantineMs = faults < 2 ? 0 : Math.min(MAX_QUARANTINE_MS, MIN_QUARANTINE_MS * 2 ** (faults - 2));
    this.#senders.delete(sender);
    bound(this.#senders).set(sender, { faults, lastAt: now, until: now + quarantineMs });
  }
}

function bound<V>(map: Map<string, V>): Map<string, V> {
  for (const oldest of map.keys()) {
    if (map.size < MAX_REMEMBERED) break;
    map.delete(oldest);
  }
  return map;
}

function senderOf(input: Input): ReplicaId | ClientId | null {
  switch (input.kind) {
    case "start":
    case "alarm":
    case "hand-over":
    case "store-pace":
    case "refused":
    case "damaged-blobs":
    case "loaded":
      return null;
    case "query":
      return input.query.message.client;
    case "request": {
      const { message } = input.request;
      return message.kind === "request" ? message.client : message.gateway;
    }
    case "blobs":
      return input.from;
    default:
      return signedOf(input).message.replica;
  }
}

type OutsideInput = Exclude<
  Input,
  { readonly kind: "start" | "alarm" | "store-pace" | "refused" | "hand-over" | "loaded" | "damaged-blobs" }
>;

function isFromOutside(input: Input): input is OutsideInput {
  return !isInternal(input);
}

/** A key for an input: equal inputs have equal keys. Made of the signed bytes. */
function keyOf(input: OutsideInput): string {
  switch (input.kind) {
    case "query":
      return `query ${input.query.digest}`;
    case "request":
      return `request ${input.request.digest}`;
    case "blobs":
      return `blobs ${input.from} ${sha256(utf8(input.blobs.map(({ digest }) => digest).join()))}`;
    default:
      return `${input.kind} ${sha256(signedOf(input).bytes)}`;
  }
}
