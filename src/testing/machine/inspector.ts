/**
 * Inspects a user's state machine while a run goes on. The operations that replicas have executed are executed again, in their order, by
 * machines that are called in no other way: one that runs straight through, and ones that are made anew from its chunks. So it does not
 * matter what a replica has loaded, or when it has started.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import type { Workload } from "../plan/workload.ts";
import { Random } from "../random.ts";
import type { Report } from "../violation.ts";
import type { Call } from "../world/observed_core.ts";
import { LATER } from "../../guard/advice.ts";
import type { Use } from "../../guard/forbidden.ts";
import { adviceOn, CHECK_FIRST, FOLLOWS, ORDERED_READ, PAGES, RESTORE, SHARED } from "./advice.ts";
import { demonstrate } from "./demonstration.ts";
import { differenceOf, differentChunk, stateDifferenceOf, textOfChunk } from "./difference.ts";
import type { MachineFault, MachineFinding } from "./fault.ts";
import { callerOf, INVARIANTS, lineOf, operationOf, short } from "./finding.ts";
import { callSeeded, guardMachine } from "./guard.ts";
import { asElsewhere } from "./runtime/other_runtime.ts";
import { SharedObjects } from "./runtime/shared_objects.ts";
import type { Asked } from "./stray.ts";
import { type Answer, ask, changesBetween, type Chunks, restore, take, textOf } from "./trial.ts";

/** After this many operations that were all looked at closely, one in so many is. */
const CLOSELY = { first: 100, oneIn: 10 };
/** Of the close looks, one in so many is also at a machine that had another state and catches up. */
const CATCHES_UP = 4;

/** The parts of an inspector. */
export interface InspectorOptions {
  /** Makes the user's machine in its first state. */
  readonly create: () => StateMachine;
  readonly workload: Workload;
  readonly seed: number;
  /** The longest result that the cluster allows. */
  readonly maxResultBytes: number;
  /** Mistakes that are none here. */
  readonly allow: readonly MachineFault[];
  readonly report: Report;
}

/** A machine and the chunks of its state. */
interface Copy {
  readonly machine: StateMachine;
  chunks: Chunks;
}

/** Executes again what the replicas have executed, and looks for mistakes. */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #random: Random;
  readonly #shared = new SharedObjects();
  /** Runs straight through. */
  #own: Copy | null = null;
  /** Is given the changes of the state now and then. */
  #late: Copy | null = null;
  /** What machines have used during the present call. */
  #uses: Use[] = [];
  /** What is being called, for people. */
  #phase = "";
  #calls = 0;
  #last: Call | null = null;
  #isOver = false;
  /** All that was asked, in its order. */
  readonly asked: Asked[] = [];

  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ^ 0x1a5);
    this.#attempt(null, new Map(), () => this.#own = this.#make(new Map()));
  }

  /** Replicas have executed an operation. All before it were given before. */
  executed(call: Call): void {
    const own = this.#own;
    if (this.#isOver || !own) return;
    this.#attempt(call, own.chunks, () => this.#execute(call, own));
    this.#last = call;
  }

  /** What is thrown is a finding. */
  #attempt(call: Call | null, before: Chunks, look: () => void): void {
    try {
      look();
    } catch (error) {
      if (this.#uses.length > 0) this.#blameUse("execute", call, before);
      const text = short(textOf(error));
      const said = [[`${this.#phase} threw`, text]] as const;
      this.#find(call, { fault: "failure", what: "it can't give or take its state", said });
    }
  }

  #execute(call: Call, own: Copy): void {
    const isClose = this.#calls++ < CLOSELY.first || this.#random.chance(1 / CLOSELY.oneIn);
    this.#uses = [];
    if (isClose && this.#last && this.#last.sequence !== call.sequence) this.#checkQuiet(this.#last, own);
    const before = own.chunks;
    const answer = this.#ask(own, "execute", call);
    if (this.#uses.length > 0) this.#blameUse("execute", call, before);
    own.chunks = this.#take(own);
    if (this.#uses.length > 0) this.#blameUse("execute", call, before);
    if (answer.value === null) {
      const what = `an operation that gave no result (${answer.text}) has changed the state`;
      this.#checkChange(call, before, own.chunks, { what, advice: answer.text === "a promise" ? LATER : CHECK_FIRST });
    }
    this.#checkAnswer("execute", call, answer);
    if (this.#isOver || !isClose) return;
    this.#compare(call, before, answer);
    if (this.#options.workload.query) this.#query({ ...call, operation: this.#options.workload.query(this.#random) });
  }

  /** Nothing goes on after an answer. */
  #checkQuiet(last: Call, own: Copy): void {
    const before = own.chunks;
    own.chunks = this.#take(own);
    const what = "its state has changed after an operation had answered";
    this.#checkChange(last, before, own.chunks, { what, advice: LATER });
  }

  /** The same operation on machines that come from chunks. */
  #compare(call: Call, before: Chunks, answer: Answer): void {
    this.#compareWith("on a machine rebuilt from its chunks", this.#make(before), call, before, answer);
    if (this.#isOver || this.#calls % CATCHES_UP !== 0) return;
    this.#late ??= this.#make(new Map());
    const changes = changesBetween(this.#late.chunks, before);
    if (changes.length > 0) {
      this.#phase = "restore()";
      restore(this.#late.machine, changes);
      this.#late.chunks = before;
      this.#checkRestored(this.#late, call, before);
    }
    this.#compareWith("on a machine that caught up by chunks", this.#late, call, before, answer);
  }

  #compareWith(where: string, other: Copy, call: Call, before: Chunks, answer: Answer): void {
    this.#checkRestored(other, call, before);
    const again = this.#ask(other, "execute", call, asElsewhere);
    this.#compareAnswers("it gives different results", call, [["it gives", answer], [where, again]]);
    const after = other.chunks = this.#take(other);
    const [ours, id] = [this.#own!.chunks, differentChunk(this.#own!.chunks, after)];
    if (id === null) return;
    const [one, two] = [textOfChunk(ours, id), textOfChunk(after, id)];
    this.#find(call, {
      fault: "state",
      what: "it leaves different states",
      line: `after ${operationOf(call)} of ${callerOf(call)} chunk "${id}" is ${one}, and ${two} ${where}`,
      said: [[`chunk "${id}" is`, one], [`${where} it is`, two]],
      at: `state ${stateDifferenceOf(ours.get(id), after.get(id))}`,
      advice: "the state must not depend on how it came about, nor on what is not in it",
    });
  }

  /** A machine tells that it does not have the chunks that it was given. */
  #checkRestored(copy: Copy, call: Call, given: Chunks): void {
    if (this.#uses.length > 0) this.#blameUse("execute", call, given);
    const left = copy.chunks = this.#take(copy);
    const id = differentChunk(given, left);
    if (id === null) return;
    const [one, two] = [textOfChunk(given, id), textOfChunk(left, id)];
    this.#find(call, {
      fault: "state",
      what: "restore() leaves another state than it was given",
      line: `before ${operationOf(call)} of ${callerOf(call)} chunk "${id}" is ${two}, restored from ${one}`,
      said: [["it was given", one], ["it has", two]],
      at: `state ${stateDifferenceOf(given.get(id), left.get(id))}`,
      advice: RESTORE,
    });
  }

  #query(call: Call): void {
    const own = this.#own!;
    this.#uses = [];
    const before = own.chunks;
    const answer = this.#ask(own, "query", call);
    if (this.#uses.length > 0) this.#blameUse("query", call, before);
    this.#checkAnswer("query", call, answer);
    own.chunks = this.#take(own);
    this.#checkChange(call, before, own.chunks, { what: "a query has changed the state", advice: CHECK_FIRST });
    const again = this.#ask(own, "query", call);
    this.#compareAnswers("a query gives different results", call, [["it gives", answer], ["asked again", again]]);
    const rebuilt = this.#make(before);
    const other = this.#ask(rebuilt, "query", call, asElsewhere);
    this.#compareAnswers("a query gives different results at equal states", call, [
      ["it gives", answer],
      ["on a machine rebuilt from its chunks", other],
    ]);
    if (answer.value !== null && !this.#isOver) this.#checkOrderedRead(call, rebuilt);
  }

  /** Clients have a read ordered for which no quorum of replicas gives equal answers. */
  #checkOrderedRead(call: Call, rebuilt: Copy): void {
    const before = rebuilt.chunks;
    this.#ask(rebuilt, "execute", call, asElsewhere);
    const what = "what query() answers as a read changes the state in execute()";
    this.#checkChange(call, before, this.#take(rebuilt), { what, advice: ORDERED_READ });
  }

  #compareAnswers(what: string, call: Call, [one, other]: readonly [Said, Said]): void {
    const [a, b] = [one[1], other[1]];
    const at = differenceOf(a.said, b.said);
    if (at === null) return;
    this.#find(call, {
      fault: "result",
      what,
      line: `${operationOf(call)} of ${callerOf(call)} gives ${a.text}, and ${b.text} ${other[0]}`,
      said: [[one[0], a.text], [other[0], b.text]],
      at,
      advice: FOLLOWS,
    });
  }

  #checkAnswer(method: "execute" | "query", call: Call, { value, text, failure }: Answer): void {
    const { maxResultBytes: most } = this.#options;
    if (value !== null && value.length > most) {
      const said = [["it returned", `${value.length} bytes; limits.maxResultBytes is ${most}`]] as const;
      this.#find(call, { fault: "failure", what: `${NAMES[method]} gives too large a result`, said, advice: PAGES });
    } else if (value === null && failure !== null) {
      const what = `${NAMES[method]} ended by a mistake of the machine`;
      this.#find(call, { fault: "failure", what, said: [[failure, text]], advice: adviceOn(text) });
    }
  }

  #checkChange(
    call: Call,
    before: Chunks,
    after: Chunks,
    { what, advice }: { readonly what: string; readonly advice: string },
  ): void {
    const id = differentChunk(before, after);
    if (id === null) return;
    this.#find(call, {
      fault: "change",
      what,
      said: [["before", textOfChunk(before, id)], ["after", textOfChunk(after, id)]],
      at: `state ${stateDifferenceOf(before.get(id), after.get(id))}`,
      advice,
    });
  }

  #blameUse(method: "execute" | "query", call: Call | null, before: Chunks): void {
    const { what, instead } = this.#uses[0]!;
    const shown = demonstrate({ create: this.#options.create, method, call, before });
    this.#find(call, { fault: "not-deterministic", what: `${this.#phase} uses ${what}`, ...shown, advice: instead });
    this.#uses = [];
  }

  #ask({ machine }: Copy, method: "execute" | "query", call: Call, where: <T>(ask: () => T) => T = here): Answer {
    this.#phase = NAMES[method];
    this.asked.push({ method, call });
    this.#shared.sweep(); // Replicas have executed it before.
    const answer = where(() => ask(machine, method, call));
    const at = this.#shared.sweep();
    const what = `${NAMES[method]} changes ${at}, which all code of its process shares`;
    if (at !== null) this.#find(call, { fault: "not-deterministic", what, at, advice: SHARED });
    return answer;
  }

  #take({ machine, chunks }: Copy): Chunks {
    const before = this.#phase;
    if (this.#uses.length === 0) this.#phase = "takeChanges()";
    const taken = take(machine, chunks);
    if (this.#uses.length === 0) this.#phase = before;
    return taken;
  }

  /** A machine with that state. What it draws when it is made is different each time, and follows from the seed. */
  #make(chunks: Chunks): Copy {
    const isAllowed = this.#options.allow.includes("not-deterministic");
    const handling = isAllowed ? { seed: 1 } : { onUse: (use: Use) => void this.#uses.push(use) };
    this.#phase = "the function that makes it";
    const made = callSeeded(this.#options.create, isAllowed ? 1 : this.#random.int(0, 2 ** 32 - 1));
    const machine = guardMachine(made, handling);
    this.#phase = "restore()";
    if (chunks.size > 0) restore(machine, chunks);
    return { machine, chunks: this.#take({ machine, chunks }) };
  }

  #find(
    call: Call | null,
    found: Partial<MachineFinding> & Pick<MachineFinding, "fault" | "what"> & { readonly line?: string },
  ): void {
    const { line, ...rest } = found;
    if (this.#isOver || this.#options.allow.includes(found.fault)) return;
    this.#isOver = true;
    const [operation, caller] = call ? [operationOf(call), callerOf(call)] : ["none yet: its first state", "nobody"];
    const finding = { operation, caller, said: [], at: null, advice: null, ...rest };
    const at = finding.at === null ? "" : `; differs at ${finding.at}`;
    const detail = line === undefined ? lineOf(finding) : `${line}${at}; ${finding.what}`;
    this.#options.report(INVARIANTS[found.fault], detail, finding);
  }
}

type Said = readonly [who: string, answer: Answer];
const NAMES = { execute: "an operation", query: "a query" } as const;

function here<T>(ask: () => T): T {
  return ask();
}
