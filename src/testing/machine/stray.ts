/**
 * Promises that a state machine leaves behind. One that is rejected would end the process; here it is a mistake of the machine.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import type { Call } from "../world/observed_core.ts";
import { LATER } from "../../guard/advice.ts";
import type { MachineFinding } from "./fault.ts";
import { callerOf, operationOf, short } from "./finding.ts";
import { guardMachine } from "./guard.ts";
import { ask, textOf } from "./trial.ts";

/** A call of a machine. */
export interface Asked {
  readonly method: "execute" | "query";
  readonly call: Call;
}

/** Hears of rejections that nobody handles, in this thread. */
export class StrayRejections {
  /** What they were rejected with. */
  readonly reasons: unknown[] = [];
  readonly #close: () => void;

  constructor() {
    this.#close = onRejection((reason) => this.reasons.push(reason));
  }

  /** Waits until those of the calls so far have been told. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }

  close(): void {
    this.#close();
  }
}

/** Calls again what was called, one at a time, and says which call left a promise that was rejected. */
export async function blameStray(
  create: () => StateMachine,
  asked: readonly Asked[],
  stray: StrayRejections,
): Promise<MachineFinding> {
  const [reason] = stray.reasons;
  const found = (operation: string, caller: string): MachineFinding => ({
    fault: "failure",
    what: "it left a promise that was rejected",
    operation,
    caller,
    said: [["rejected with", short(textOf(reason))]],
    at: null,
    advice: LATER,
  });
  const machine = guardMachine(create());
  for (const { method, call } of asked) {
    const before = stray.reasons.length;
    ask(machine, method, call);
    await stray.settled();
    if (stray.reasons.length > before) return found(operationOf(call), callerOf(call));
  }
  return found("none by itself", "several");
}

/** Where Node.js tells of them. */
interface Emitter {
  on(name: string, listener: (reason: unknown) => void): void;
  off(name: string, listener: (reason: unknown) => void): void;
}

/** Deno and browsers tell of them by an event of the global object. Returns how to stop. */
function onRejection(heard: (reason: unknown) => void): () => void {
  const host: unknown = Reflect.get(globalThis, "process");
  if (isEmitter(host) && !Reflect.has(globalThis, "Deno")) {
    host.on("unhandledRejection", heard);
    return () => host.off("unhandledRejection", heard);
  }
  const listener = (event: Event) => {
    event.preventDefault();
    heard(Reflect.get(event, "reason"));
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return () => globalThis.removeEventListener("unhandledrejection", listener);
}

function isEmitter(host: unknown): host is Emitter {
  return typeof host === "object" && host !== null && "on" in host && "off" in host;
}
