/**
 * What made the core throw. It should be nothing: whatever the others send, the core discards with a reason. Should there be an input
 * after all on which it throws, that input is dropped, reported, and not taken again for a while, and the replica is read anew from its
 * store. It does not halt: whoever found such an input would stop a replica for good with one message.
 *
 * A replica halts only for what no input explains:
 *
 * - {@linkcode DivergenceError}: its state differs from what a quorum has signed. At most f lie, so this replica is wrong, and stays so.
 * - It throws at its start, with nothing from outside, or by itself before anything came from outside: what its store holds is broken,
 *   or the program is, and it would throw each time.
 *
 * A state machine that can't take up a state is no reason: a mended one will.
 *
 * Where it throws later by itself (an alarm, a blob that is read), something that came before may have led to it: it is read anew.
 * @module
 */
import type { ClientId, ReplicaId } from "../../core/messages/ids.ts";
import { DivergenceError } from "../../core/invariant.ts";
import { StateMachineError } from "../../core/ordering/machine_guard.ts";
import type { Input } from "../../core/io.ts";
import { sha256 } from "../../crypto/mod.ts";
import { utf8 } from "../../wire/mod.ts";
import type { InputFault, Timer } from "../ports.ts";
import { isOfOneLife } from "./task.ts";

/** Inputs that are remembered, at most; beyond, the oldest are forgotten. */
const MAX_REMEMBERED = 1024;
/** For so long an input that made the core throw is not taken again, ms. Correct members send the same bytes again, so not for ever. */
const REMEMBER_MS = 60_000;
/** From the second fault on, a sender's inputs are not taken for so long, doubling with each, ms. It may not be to blame: so briefly. */
const MIN_BARRED_MS = 500;
const MAX_BARRED_MS = 60_000;
/** One fault of a sender is forgiven after so long, ms. */
const FORGIVEN_MS = 120_000;

/** A replica is read anew at once after a fault, and after more within so long each a little later, ms. */
const BREATH_MS = 10_000;
const MAX_RELOAD_DELAY_MS = 1_000;

interface Blame {
  faults: number;
  lastAt: number;
  until: number;
}

/** The faults of one node. Times are monotonic. */
export class InputFaults {
  readonly #timer: Pick<Timer, "now" | "monotonic">;
  readonly #inputs = new Map<string, number>();
  readonly #senders = new Map<string, Blame>();
  /** Of late; one is forgotten every {@linkcode BREATH_MS}. */
  #recent = 0;
  #notedAt = 0;
  #count = 0;
  #last: InputFault | null = null;

  constructor(timer: Pick<Timer, "now" | "monotonic">) {
    this.#timer = timer;
  }

  /** How many there were since the start. */
  get count(): number {
    return this.#count;
  }

  /** The last one. */
  get last(): InputFault | null {
    return this.#last;
  }

  /** Whether the replica must halt. `isUntouched`: nothing from outside was stepped since it was read from the store. */
  static isFatal(input: Input, error: unknown, isUntouched: boolean): boolean {
    if (error instanceof StateMachineError) return false;
    return error instanceof DivergenceError || (isUntouched && !isFromOutside(input));
  }

  /** Notes one, and that its input, or in the end its sender, is barred for a while. */
  note(input: Input, error: string): InputFault {
    const from = senderOf(input);
    const now = this.#timer.monotonic();
    this.#recent = Math.max(0, this.#recent - Math.floor((now - this.#notedAt) / BREATH_MS)) + 1;
    this.#notedAt = now;
    this.#count++;
    this.#last = { input: input.kind, from, error, at: this.#timer.now() };
    if (isFromOutside(input)) bound(this.#inputs).set(keyOf(input), now + REMEMBER_MS);
    if (from !== null) this.#blame(String(from));
    return this.#last;
  }

  /** How long to wait before the replica is read anew, ms. */
  get reloadDelayMs(): number {
    return this.#recent <= 1 ? 0 : Math.min(MAX_RELOAD_DELAY_MS, 5 * 2 ** this.#recent);
  }

  /** Whether an input is not to be taken now. */
  isBarred(input: Input): boolean {
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
    const barredMs = faults < 2 ? 0 : Math.min(MAX_BARRED_MS, MIN_BARRED_MS * 2 ** (faults - 2));
    this.#senders.delete(sender);
    bound(this.#senders).set(sender, { faults, lastAt: now, until: now + barredMs });
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

type OutsideInput = Exclude<Input, { readonly kind: "start" | "alarm" | "store-pace" | "hand-over" | "loaded" }>;

function isFromOutside(input: Input): input is OutsideInput {
  return !isOfOneLife(input);
}

/** The same for the same input: made of what its sender signed. */
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

type SignedInput = Exclude<OutsideInput, { readonly kind: "query" | "request" | "blobs" }>;

function signedOf(input: SignedInput) {
  switch (input.kind) {
    case "pre-prepare":
      return input.prePrepare;
    case "prepare":
      return input.prepare;
    case "commit":
      return input.commit;
    case "decision":
      return input.decision;
    case "checkpoint":
      return input.checkpoint;
    case "stable-checkpoint":
      return input.stable;
    case "suspicion":
      return input.suspicion;
    case "view-change":
      return input.viewChange;
    case "new-view":
      return input.newView;
    case "status":
      return input.status;
  }
}
