/**
 * Checks the executions of all correct replicas together: agreement, order, determinism, integrity, exactly once.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { StoredState } from "../../core/records.ts";
import type { AnyRequest, Batch, ClientRequest, Reply, Result } from "../../core/messages/messages.ts";
import { type Call, type Execution, shown } from "../world/observed_core.ts";
import type { ExactlyOnce } from "./exactly_once.ts";
import { differenceOf } from "../machine/difference.ts";
import type { MachineFinding } from "../machine/fault.ts";
import { callerOf, operationOf } from "../machine/finding.ts";
import { utf8 } from "../../core/tree/text.ts";
import type { Report } from "../violation.ts";

/** A batch, and its outcome at the first replica that executed it. */
export interface Entry {
  readonly sequence: SequenceNumber;
  readonly digest: Digest;
  readonly by: ReplicaId;
  readonly calls: readonly Call[];
}

/** The one history that all correct replicas must share. */
export class ExecutionChecker {
  readonly entries: Map<SequenceNumber, Entry> = new Map();
  readonly batches: Map<Digest, Batch> = new Map();
  /** Batches that were read from stores, by number. */
  readonly #stored = new Map<SequenceNumber, Batch>();
  readonly #roots = new Map<SequenceNumber, { readonly root: Digest; readonly by: ReplicaId }>();
  /** By request, or by name and timestamp of a vouched operation: the outcome of running it. */
  readonly #outcomes = new Map<string, string>();
  /** The replies that have been checked. A client that asks again gets the same one. */
  readonly #replied = new WeakMap<readonly Result[], Digest>();
  readonly #report: Report;
  readonly #exactlyOnce: ExactlyOnce | undefined;
  /** All batches up to this number have been checked in order; and the agreed time there. */
  #through = 0;
  #agreedTime = 0;

  constructor(report: Report, exactlyOnce: ExactlyOnce | undefined) {
    this.#report = report;
    this.#exactlyOnce = exactlyOnce;
  }

  /** Called for each batch with requests, in order, once all batches before it are known. */
  onOrdered: (sequence: SequenceNumber, digest: Digest, agreedTime: Millis) => void = () => {};

  /** Called for each operation that was given to a state machine, in order, once all batches before it are known. */
  onCall: (call: Call) => void = () => {};

  /** The highest number that a correct replica has executed. */
  highest: SequenceNumber = 0 as SequenceNumber;

  /** A correct replica has executed a batch. `previous`: the number that the same process executed before; `null`: none. */
  executed(
    { by, previous, isValid }: {
      readonly by: ReplicaId;
      readonly previous: SequenceNumber | null;
      readonly isValid: (request: AnyRequest, digest: Digest) => boolean;
    },
    { sequence, digest, calls }: Execution,
  ): void {
    if (previous !== null && sequence !== previous + 1) {
      this.#report("order", `replica ${by} executed ${sequence} after ${previous}`);
    }
    const first = this.entries.get(sequence);
    if (first) return this.#compare(first, { sequence, digest, by, calls });
    const batch = this.batches.get(digest);
    if (!batch) {
      return this.#report("validity", `replica ${by} executed ${digest} at ${sequence}, which nobody proposed`);
    }
    this.entries.set(sequence, { sequence, digest, by, calls });
    if (sequence > this.highest) this.highest = sequence;
    for (const { message, digest } of batch.requests) {
      if (isValid(message, digest)) continue;
      this.#report("validity", `replica ${by} executed at ${sequence} a ${message.kind} that nobody made: ${digest}`);
    }
    for (let next = this.#next(); next; next = this.#next()) this.#inOrder(next);
  }

  #next(): Entry | undefined {
    return this.entries.get((this.#through + 1) as SequenceNumber);
  }

  /** Checks a batch for which all batches before it are known. */
  #inOrder({ sequence, digest, by, calls }: Entry): void {
    this.#through = sequence;
    const batch = this.batches.get(digest)!;
    if (batch.requests.length > 0) this.#agreedTime = Math.max(this.#agreedTime, batch.timestamp);
    if (batch.requests.length > 0) this.onOrdered(sequence, digest, this.#agreedTime as Millis);
    for (const { timestamp } of calls) {
      if (timestamp === this.#agreedTime) continue;
      const detail = `at ${sequence} replica ${by} has the time ${timestamp}, agreed is ${this.#agreedTime}`;
      this.#report("agreed-time", detail);
    }
    this.#exactlyOnce?.executed({ sequence, agreedTime: this.#agreedTime }, batch, calls);
    for (const call of calls) this.onCall(call);
  }

  #compare(first: Entry, { sequence, digest, by, calls }: Entry): void {
    if (first.digest !== digest) {
      const detail = `at ${sequence} replica ${first.by} executed ${first.digest}, replica ${by} ${digest}`;
      return this.#report("agreement", detail);
    }
    for (let i = 0; i < Math.max(calls.length, first.calls.length); i++) {
      const [ours, theirs] = [calls[i], first.calls[i]];
      if (ours?.outcome === theirs?.outcome) continue;
      const call = (ours ?? theirs)!;
      const operation = shown(call.operation);
      const outcome = (call: Call | undefined) => call === undefined ? "nothing: it was not run" : call.outcome;
      const machine: MachineFinding = {
        fault: "result",
        what: "it gave different results on two replicas",
        operation: operationOf(call),
        caller: callerOf(call),
        said: [[`replica ${first.by} said`, outcome(theirs)], [`replica ${by} said`, outcome(ours)]],
        at: ours && theirs ? differenceOf(utf8(theirs.outcome), utf8(ours.outcome)) : null,
        advice: "it depends on something that is not in the state, such as a variable beside it",
      };
      return this.#report(
        "determinism",
        `operation ${i + 1} of batch ${sequence}, ${operation}: at replica ${first.by} it gave ${outcome(theirs)}, ` +
          `at replica ${by} ${outcome(ours)}`,
        machine,
      );
    }
  }

  /** A session is gone: it must have been idle for long. */
  refused(request: ClientRequest, idleMs: number): void {
    if (!this.#exactlyOnce) return;
    const idle = this.#agreedTime - this.#exactlyOnce.lastUse(request);
    if (idle >= idleMs) return;
    this.#report("service", `session ${request.session} is gone, although it has been idle for ${idle} ms only`);
  }

  /** A correct replica has this state after this number. */
  checkpoint(by: ReplicaId, sequence: SequenceNumber, root: Digest): void {
    const first = this.#roots.get(sequence);
    if (!first) return void this.#roots.set(sequence, { root, by });
    if (first.root === root) return;
    this.#report("integrity", `after ${sequence} replica ${first.by} has state ${first.root}, replica ${by} ${root}`);
  }

  /** The state after a number, if a correct replica has had a checkpoint there. */
  rootAt(sequence: number): Digest | undefined {
    return this.#roots.get(sequence as SequenceNumber)?.root;
  }

  /** A correct replica answers a request that it executed. */
  replied(by: ReplicaId, { request, results }: Reply, message: AnyRequest): void {
    if (this.#replied.get(results) === request) return;
    this.#replied.set(results, request);
    results.forEach((result, i) => {
      if (result.status === "refused") return;
      if (message.kind === "request") {
        if (message.session === 0) return void this.#exactlyOnce?.opened(message, result.sequence);
        const place = `${message.client.slice(0, 8)} session ${message.session} timestamp ${message.timestamp}`;
        this.#ran(by, place, request, 0);
        this.#ran(by, `${place} operation ${i}`, outcomeOf(result), result.sequence);
      } else {
        const { name, timestamp } = message.operations[i]!;
        this.#ran(by, `${name} timestamp ${timestamp}`, outcomeOf(result), result.sequence);
      }
    });
  }

  #ran(by: ReplicaId, what: string, outcome: string, sequence: number): void {
    const now = `${outcome} at ${sequence}`;
    const before = this.#outcomes.get(what);
    if (before === undefined) this.#outcomes.set(what, now);
    else if (before !== now) this.#report("exactly-once", `${what}: first ${before}, then at replica ${by} ${now}`);
  }

  /** A correct replica reads an executed batch from its store. Perhaps nobody has heard of it: the commit may have seemed to fail. */
  stored(by: ReplicaId, { sequence, batch }: StoredState["committed"][number]): void {
    const { digest } = batch;
    const other = (this.entries.get(sequence) ?? this.#stored.get(sequence) ?? batch).digest;
    this.#stored.set(sequence, batch);
    if (other === digest) return;
    this.#report("agreement", `at ${sequence} replica ${by} has ${digest} in its store, another one executed ${other}`);
  }

  /** A client was given this result. */
  told(request: Digest, { sequence, status }: Result): void {
    if (status === "refused") return;
    const entry = this.entries.get(sequence);
    const batch = entry ? this.batches.get(entry.digest) : this.#stored.get(sequence);
    if (batch?.requests.some(({ digest }) => digest === request)) return;
    this.#report("durability", `a client was told that ${request} was executed at ${sequence}, no correct replica did`);
  }
}

function outcomeOf({ status, value }: Result): string {
  return `${status} ${shown(value)}`;
}
