/**
 * Inspects a user's state machine while a run goes on. The operations that replicas have executed are executed again, in their order, by
 * machines that are called in no other way: one that runs straight through, and ones that are made anew from its chunks. So it does not
 * matter what a replica has loaded, or when it has started.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import type { Workload } from "../plan/workload.ts";
import { Random } from "../random.ts";
import type { Invariant, Report } from "../violation.ts";
import { type Call, shown } from "../world/observed_core.ts";
import { differenceOf, stateDifferenceOf } from "./difference.ts";
import type { MachineFault, MachineFinding } from "./fault.ts";
import { callerOf, lineOf, operationOf, short } from "./finding.ts";
import { guardMachine, type Use } from "./forbidden.ts";
import { type Answer, ask, type Chunks, take } from "./trial.ts";

/** After this many operations that were all looked at closely, one in so many is. */
const CLOSELY = { first: 100, oneIn: 10 };

/** Which invariant does not hold with each mistake. */
const INVARIANTS: Readonly<Record<MachineFault, Invariant>> = {
  failure: "machine",
  "not-deterministic": "determinism",
  result: "determinism",
  state: "integrity",
  change: "machine",
};

/** The parts of an inspector. */
export interface InspectorOptions {
  /** Makes the user's machine in its first state. */
  readonly create: () => StateMachine;
  readonly workload: Workload;
  readonly seed: number;
  /** Mistakes that are none here. */
  readonly allow: readonly MachineFault[];
  readonly report: Report;
}

/** Executes again what the replicas have executed, and looks for mistakes. */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #random: Random;
  readonly #machine: StateMachine;
  /** What the machine has used during the present call. */
  #uses: Use[] = [];
  #chunks: Chunks = new Map();
  #calls = 0;
  #isOver = false;

  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ^ 0x1a5);
    this.#machine = this.#strict();
    this.#chunks = take(this.#machine, new Map());
  }

  /** Replicas have executed an operation. All before it were given before. */
  executed(call: Call): void {
    if (this.#isOver) return;
    try {
      this.#execute(call);
    } catch (error) {
      this.#find(call, {
        fault: "failure",
        what: "it can't give or take its state",
        said: [["it threw", short(String(error))]],
      });
    }
  }

  #execute(call: Call): void {
    const isClose = this.#calls++ < CLOSELY.first || this.#random.chance(1 / CLOSELY.oneIn);
    const before = this.#chunks;
    this.#uses = [];
    const answer = ask(this.#machine, "execute", call);
    const uses = this.#uses;
    this.#chunks = take(this.#machine, before);
    if (uses.length > 0) this.#blameUse("execute", call, before, uses[0]!);
    if (answer.value === null) {
      this.#checkChange(call, before, `an operation that gave no result (${answer.text}) has changed the state`);
    }
    this.#checkAnswer("execute", call, answer);
    if (this.#isOver || !isClose) return;
    this.#compare(call, before, answer);
    if (this.#options.workload.query) this.#query({ ...call, operation: this.#options.workload.query(this.#random) });
  }

  /** The same operation on a machine that was made anew. */
  #compare(call: Call, before: Chunks, answer: Answer): void {
    const rebuilt = this.#strict();
    if (before.size > 0) rebuilt.restore(before);
    const restored = take(rebuilt, before);
    const again = ask(rebuilt, "execute", call);
    this.#compareAnswers("it gives different results", call, [["it gives", answer], [
      "on a machine rebuilt from its chunks",
      again,
    ]]);
    const after = take(rebuilt, restored);
    const id = firstDifference(this.#chunks, after);
    if (id === null) return;
    const [ours, theirs] = [this.#chunks.get(id), after.get(id)].map((chunk) =>
      chunk ? short(shown(chunk)) : "nothing"
    );
    const isRestore = firstDifference(before, restored) !== null;
    this.#find(call, {
      fault: "state",
      what: isRestore ? "restore() leaves another state than it was given" : "it leaves different states",
      line: `after ${operationOf(call)} of ${
        callerOf(call)
      } chunk ${id} is ${ours}, and ${theirs} on a machine rebuilt from its chunks`,
      said: [[`chunk ${id} is`, ours!], ["on a machine rebuilt from its chunks it is", theirs!]],
      at: `state ${stateDifferenceOf(this.#chunks.get(id), after.get(id))}`,
      advice: isRestore
        ? "restore() must put in place exactly what takeChanges() gave"
        : "the state must not depend on how it came about, nor on what is not in it",
    });
  }

  #query(call: Call): void {
    this.#uses = [];
    const answer = ask(this.#machine, "query", call);
    if (this.#uses.length > 0) this.#blameUse("query", call, this.#chunks, this.#uses[0]!);
    this.#checkAnswer("query", call, answer);
    const before = this.#chunks;
    this.#chunks = take(this.#machine, before);
    this.#checkChange(call, before, "a query has changed the state");
    const again = ask(this.#machine, "query", call);
    this.#compareAnswers("a query gives different results", call, [["it gives", answer], ["asked again", again]]);
    const rebuilt = this.#strict();
    if (before.size > 0) rebuilt.restore(before);
    const other = ask(rebuilt, "query", call);
    this.#compareAnswers("a query gives different results at equal states", call, [
      ["it gives", answer],
      ["on a machine rebuilt from its chunks", other],
    ]);
  }

  #compareAnswers(what: string, call: Call, [one, other]: readonly [Said, Said]): void {
    const [a, b] = [one[1], other[1]];
    const at = differenceOf(a.value ?? bytes(a.text), b.value ?? bytes(b.text));
    if (at === null) return;
    this.#find(call, {
      fault: "result",
      what,
      line: `${operationOf(call)} of ${callerOf(call)} gives ${a.text}, and ${b.text} ${other[0]}`,
      said: [[one[0], a.text], [other[0], b.text]],
      at,
      advice: "the result must follow from the state, the operation and the context alone",
    });
  }

  #checkAnswer(method: "execute" | "query", call: Call, { value, text, failure }: Answer): void {
    if (value !== null || failure === null) return;
    const what = `${method === "query" ? "a query" : "an operation"} ended by a mistake of the machine`;
    const advice = "throw an OperationError, or call reject(), to reject; and return a Uint8Array at once";
    this.#find(call, { fault: "failure", what, said: [[failure, text]], advice });
  }

  #checkChange(call: Call, before: Chunks, what: string): void {
    const id = firstDifference(before, this.#chunks);
    if (id === null) return;
    const said = [before.get(id), this.#chunks.get(id)].map((chunk) => chunk ? short(shown(chunk)) : "nothing");
    this.#find(call, {
      fault: "change",
      what,
      said: [["before", said[0]!], ["after", said[1]!]],
      at: `state ${stateDifferenceOf(before.get(id), this.#chunks.get(id))}`,
      advice: "check everything before the first change, or change a copy; typed machines do so by themselves",
    });
  }

  /** Shows what it does with two clocks and two kinds of luck. */
  #blameUse(method: "execute" | "query", call: Call, before: Chunks, { what, instead }: Use): void {
    const [a, b] = [1, 2].map((seed) => {
      const machine = guardMachine(this.#options.create(), { seed });
      if (before.size > 0) machine.restore(before);
      return { answer: ask(machine, method, call), chunks: take(machine, before) };
    });
    const id = firstDifference(a!.chunks, b!.chunks);
    const at = differenceOf(a!.answer.value ?? undefined, b!.answer.value ?? undefined) ??
      (id === null ? null : `state ${stateDifferenceOf(a!.chunks.get(id), b!.chunks.get(id))}`);
    const uses = `${method === "query" ? "a query" : "an operation"} uses ${what}`;
    const said: MachineFinding["said"] = at === null
      ? []
      : [["one replica would say", a!.answer.text], ["another one", b!.answer.text]];
    this.#find(call, { fault: "not-deterministic", what: uses, said, at, advice: instead });
  }

  #strict(): StateMachine {
    const isAllowed = this.#options.allow.includes("not-deterministic");
    const handling = isAllowed ? { seed: 1 } : { onUse: (use: Use) => void this.#uses.push(use) };
    return guardMachine(this.#options.create(), handling);
  }

  #find(
    call: Call,
    found: Partial<MachineFinding> & Pick<MachineFinding, "fault" | "what"> & { readonly line?: string },
  ): void {
    const { line, ...rest } = found;
    if (this.#isOver || this.#options.allow.includes(found.fault)) return;
    this.#isOver = true;
    const finding = { operation: operationOf(call), caller: callerOf(call), said: [], at: null, advice: null, ...rest };
    const at = finding.at === null ? "" : `; differs at ${finding.at}`;
    const detail = line === undefined ? lineOf(finding) : `${line}${at}; ${finding.what}`;
    this.#options.report(INVARIANTS[found.fault], detail, finding);
  }
}

type Said = readonly [who: string, answer: Answer];

function firstDifference(a: Chunks, b: Chunks): string | null {
  for (const id of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    if (differenceOf(a.get(id), b.get(id)) !== null) return id;
  }
  return null;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
