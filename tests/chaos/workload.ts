/**
 * What the clients of a chaos run do, and what must hold of it afterwards.
 *
 * Each caller has a counter of its own, which must go up by one each time, and a note, which it writes and which must be
 * there at the end. All share a counter, whose values must all be different, and a few registers, whose histories must be
 * linearizable.
 * @module
 */
import type { Caller } from "./clients.ts";
import { History } from "../../src/testing/clients/history.ts";
import { findNonLinearizable } from "../../src/testing/invariants/linearizability.ts";
import { keyValueModel } from "../../src/testing/plan/workload.ts";
import { utf8 } from "../../src/wire/mod.ts";
import type { Random } from "../../src/testing/random.ts";

const REGISTERS = 3;
/** A register has so many operations, then another takes its place: histories stay short enough to be searched. */
const REGISTER_OPERATIONS = 120;
const SHARED = "shared";

/** One run's operations. */
export class Workload {
  /** What went wrong so far. */
  readonly violations: string[] = [];
  readonly #random: Random;
  readonly #callers: readonly Caller[];
  /** What was asked of each register, and what a compare-and-set may expect to find there. */
  readonly #histories = new Map<string, History>();
  readonly #written = new Map<string, string>();
  readonly #registers: string[];
  readonly #sharedSeen = new Set<number>();
  readonly #counters = new Map<Caller, number>();
  readonly #notes = new Map<Caller, number>();
  #registerCount = 0;
  #values = 0;
  #operations = 0;

  constructor(callers: readonly Caller[], random: Random) {
    this.#callers = callers;
    this.#random = random;
    this.#registers = Array.from({ length: REGISTERS }, () => this.#newRegister());
  }

  /** Answered so far. */
  get operations(): number {
    return this.#operations;
  }

  get registers(): number {
    return this.#histories.size;
  }

  /** Lets all callers work until `isOver`, and each finish what it has begun. Each waits for `thinkMs` after an answer. */
  async run(isOver: () => boolean, thinkMs = 0): Promise<void> {
    await Promise.all(this.#callers.map(async (caller) => {
      while (!isOver() && this.violations.length === 0) {
        try {
          await this.#next(caller);
          this.#operations++;
          if (thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, thinkMs));
        } catch (error) {
          this.violations.push(`client error: ${caller.name}: ${error}`);
        }
      }
    }));
  }

  /** Reads everything back, and judges. */
  async check(reader: Caller): Promise<void> {
    for (const caller of this.#callers) {
      await this.#expect(reader, `own/${caller.name}`, this.#counters.get(caller) ?? 0);
      await this.#expect(reader, `note/${caller.name}`, this.#notes.get(caller) ?? 0);
    }
    await this.#expect(reader, SHARED, this.#sharedSeen.size);
    for (const { invocations } of this.#histories.values()) {
      const flaw = findNonLinearizable(invocations, keyValueModel(), Infinity);
      if (flaw !== null) this.violations.push(`not linearizable: ${flaw}`);
    }
  }

  async #expect(reader: Caller, key: string, expected: number): Promise<void> {
    const got = Number(await reader.ask(`GET ${key}`) ?? 0);
    if (got !== expected) this.violations.push(`${key}: ${expected} was acknowledged, ${got} is there`);
  }

  async #next(caller: Caller): Promise<void> {
    switch (this.#random.int(0, 5)) {
      case 0: {
        const expected = (this.#counters.get(caller) ?? 0) + 1;
        const got = await caller.ask(`INCR own/${caller.name}`);
        if (got !== expected) this.violations.push(`own/${caller.name}: expected ${expected}, got ${got}`);
        this.#counters.set(caller, expected);
        return;
      }
      case 1: {
        const note = (this.#notes.get(caller) ?? 0) + 1;
        await caller.ask(`SET note/${caller.name} ${note}`);
        this.#notes.set(caller, note);
        return;
      }
      case 2: {
        const got = await caller.ask(`INCR ${SHARED}`) as number;
        if (this.#sharedSeen.has(got)) this.violations.push(`${SHARED}: two increments gave ${got}`);
        this.#sharedSeen.add(got);
        return;
      }
      default:
        return await this.#useRegister(caller);
    }
  }

  async #useRegister(caller: Caller): Promise<void> {
    const index = this.#random.int(0, REGISTERS - 1);
    const key = this.#registers[index]!;
    const history = this.#histories.get(key)!;
    const value = `v${this.#values++}`;
    const command = this.#command(key, value);
    const invocation = history.invoke(caller.name, utf8(command), performance.now());
    if (history.invocations.length >= REGISTER_OPERATIONS) this.#registers[index] = this.#newRegister();
    const answer = await caller.ask(command);
    invocation.outcome = JSON.stringify(answer);
    invocation.answeredAt = performance.now();
    if (command.startsWith("SET")) this.#written.set(key, value);
  }

  #command(key: string, value: string): string {
    const known = this.#written.get(key);
    switch (this.#random.int(0, 3)) {
      case 0:
        return `SET ${key} ${value}`;
      case 1:
        return `CAS ${key} ${known ?? null} ${value}`;
      default:
        return `GET ${key}`;
    }
  }

  #newRegister(): string {
    const key = `register-${this.#registerCount++}`;
    this.#histories.set(key, new History());
    return key;
  }
}
