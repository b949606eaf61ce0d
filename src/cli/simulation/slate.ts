/**
 * What a thread is calling of a user's machine, as another thread can read it even while the call does not come back.
 * @module
 */
import type { SequenceNumber } from "../../core/messages/ids.ts";
import { callerOf, operationOf } from "../../testing/machine/finding.ts";

/** What may be called, and its name for people. */
export const ACTS = {
  loading: "the loading of its module",
  making: "the function that makes it",
  execute: "an operation",
  query: "a query",
  takeChanges: "takeChanges()",
  freezeChanges: "freezeChanges()",
  restore: "restore()",
  observeChanges: "observeChanges()",
  lazyLoading: "its lazyLoading",
  workload: "its workload",
} as const;

/** One of them. */
export type Act = keyof typeof ACTS;

/** An operation or a query, and who asked for it. */
export interface Called {
  readonly sequence: number;
  readonly client: string;
  readonly operation: Uint8Array;
}

/** What is going on. */
export interface Doing {
  /** `null`: nothing of the user's own. */
  readonly act: Act | null;
  /** Another one each time that something begins or ends. */
  readonly beat: number;
}

const NAMES = Object.keys(ACTS) as readonly Act[];
/** Numbers at the beginning of the memory. `operation` and `client` are lengths; without a call `operation` is -1. */
const AT = { beat: 0, act: 1, sequence: 2, operation: 3, client: 4 } as const;
const HEAD_BYTES = 32;
/** Reports show 300 characters of an operation, and 12 of a client. */
const ROOM = { operation: 2_048, client: 64 };

/** Memory of two threads: one writes what it calls, the other one reads. */
export class Slate {
  readonly #numbers: Int32Array;
  readonly #operation: Uint8Array;
  readonly #client: Uint8Array;

  constructor(readonly memory = new SharedArrayBuffer(HEAD_BYTES + ROOM.operation + ROOM.client)) {
    this.#numbers = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#operation = new Uint8Array(memory, HEAD_BYTES, ROOM.operation);
    this.#client = new Uint8Array(memory, HEAD_BYTES + ROOM.operation, ROOM.client);
  }

  /** Calls, and has it written meanwhile. `called`: the operation that this is about. */
  during<T>(act: Act, called: Called | null, call: () => T): T {
    this.begin(act, called);
    try {
      return call();
    } finally {
      this.end();
    }
  }

  /** Something begins. */
  begin(act: Act, called: Called | null): void {
    this.#numbers[AT.operation] = called ? write(this.#operation, called.operation) : -1;
    if (called) {
      this.#numbers[AT.sequence] = called.sequence;
      this.#numbers[AT.client] = write(this.#client, new TextEncoder().encode(called.client));
    }
    this.#turn(1 + NAMES.indexOf(act));
  }

  /** It has come to its end. */
  end(): void {
    this.#turn(0);
  }

  #turn(act: number): void {
    Atomics.store(this.#numbers, AT.act, act);
    Atomics.add(this.#numbers, AT.beat, 1);
  }

  /** What is going on now. */
  get doing(): Doing {
    const beat = Atomics.load(this.#numbers, AT.beat);
    return { beat, act: NAMES[Atomics.load(this.#numbers, AT.act) - 1] ?? null };
  }

  /** The operation that it is about, and its caller, in words; `null`: it is about none. */
  get called(): { readonly operation: string; readonly caller: string } | null {
    const number = (at: keyof typeof AT) => this.#numbers[AT[at]]!;
    if (this.doing.act === null || number("operation") === -1) return null;
    const operation = wholeCharacters(this.#operation.slice(0, number("operation")));
    const client = new TextDecoder().decode(this.#client.slice(0, number("client")));
    return {
      operation: operationOf({ operation }),
      caller: callerOf({ client, sequence: number("sequence") as SequenceNumber }),
    };
  }
}

/** As much as there is room for. Gives its length. */
function write(room: Uint8Array, bytes: Uint8Array): number {
  const kept = bytes.subarray(0, room.length);
  room.set(kept);
  return kept.length;
}

/** A long text may have been cut in the midst of a character: without it the rest is still a text. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  if (bytes.length < ROOM.operation) return bytes;
  let length = bytes.length;
  while (length > 0 && (bytes[length - 1]! & 0xc0) === 0x80) length--;
  return bytes.subarray(0, Math.max(0, length - 1));
}
