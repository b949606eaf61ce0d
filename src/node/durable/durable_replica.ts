/**
 * Persist, then speak. A replica and its store: steps it, commits the records of many steps at once, and only then lets
 * out what those steps want said. When a commit fails, nothing is let out; the replica is thrown away and read anew.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Ready, ReplicaStatus } from "../../core/io.ts";
import { StateMachineError } from "../../core/ordering/machine_guard.ts";
import { Alarm } from "../async/alarm.ts";
import type { DurableReplicaOptions, Stepped } from "./options.ts";
import { InputFaults } from "./input_faults.ts";
import { type Committed, GroupCommit } from "./group_commit.ts";
import { Health } from "./health.ts";
import type { KeptInputs } from "./kept_inputs.ts";
import { describe, keepHalted, LastWords, LifeCycle, type Running, type WhyReading } from "./life.ts";
import { Loader } from "./loader.ts";
import { StoreLimitError } from "../ports.ts";
import type { RecordBook } from "../storage/record_book.ts";
import { noteFormat } from "../storage/identity.ts";
import { type Restored, whyUnreadable } from "../storage/opening.ts";
import { Reloading } from "./reloading.ts";
import { Retry } from "../async/retry.ts";
import { Rivals } from "./rivals.ts";
import { StorePace } from "./store_pace.ts";
import { HOW_TO_RECOVER } from "../storage/store_errors.ts";
import { Backlog, type Core, isOfOneLife, settleAll, type Task } from "./task.ts";

/** The replica of one node. Its states, and how it goes from one to the next, are in {@linkcode LifeCycle}. */
export class DurableReplica {
  readonly #options: DurableReplicaOptions;
  /** Where it is, and why it takes nothing more, if it does not. */
  readonly life = new LifeCycle();
  readonly #last: LastWords;
  readonly #backlog = new Backlog();
  /** How it writes to the store that it was read from last. */
  #book!: RecordBook;
  #keptInputs: KeptInputs | null = null;
  readonly #pace: StorePace;
  readonly #commits: GroupCommit;
  /** Inputs whose steps are durable, on a host that may stop when they are settled, while what they led to waits for reads. */
  #unsettled: Stepped[] = [];
  readonly #loader: Loader;
  readonly #alarm: Alarm;
  readonly #rivals: Rivals;
  readonly #faults: InputFaults;
  readonly #health: Health;
  readonly #retry: Retry;
  readonly #reloading: Reloading;

  constructor(options: DurableReplicaOptions) {
    this.#options = options;
    this.#last = new LastWords(options.dormant);
    this.#pace = new StorePace(options.timer);
    this.#commits = new GroupCommit({
      store: options.store,
      pace: this.#pace,
      onCommitted: (commit) => this.#onCommitted(commit),
      onFailure: (error, stepped) => this.#lose(error, stepped),
    });
    this.#loader = new Loader({
      isWanted: (digest) => this.core?.isLoading?.(digest) ?? true,
      pending: (digest) => this.#commits.pendingBlob(digest),
      read: options.read,
      onLoaded: (blobs) => this.run([{ input: { kind: "loaded", blobs } }]),
      onFailure: (error) => this.#onReadFailure(error),
      onIdle: () => this.#settle(),
    });
    this.#alarm = new Alarm(options.timer, () => this.run([{ input: { kind: "alarm" } }]));
    this.#rivals = new Rivals({ ...options, look: () => this.#look() });
    this.#faults = new InputFaults(options.timer);
    this.#health = new Health(this.#faults, { ...options, onGone: (error) => this.#stop(describe(error)) });
    this.#retry = new Retry(options.timer, options.jitter, () => this.#rivals.noteConflict());
    this.#reloading = new Reloading({
      restore: options.restore,
      commits: this.#commits,
      health: this.#health,
      retry: this.#retry,
      life: this.life,
      onRestored: (restored) => this.start(restored),
      onLastingError: (error) => this.#stop(describe(error)),
    });
  }

  /** Null while it is being read from the store, and when stopped. */
  get core(): Core | null {
    return this.life.core;
  }

  /** How it has fared since the start, for the node's status. */
  get record(): ReturnType<Health["record"]> {
    return this.#health.record(this.life);
  }

  /** The replica's status; if there is none in memory now, as it was last. */
  get status(): ReplicaStatus {
    return this.#last.status = this.core?.status() ?? this.#last.status;
  }

  /** The agreed time as of the last batch that was executed; while there is no replica in memory, as it was last. */
  get agreedTime(): Millis {
    return this.core?.agreedTime ?? this.status.agreedTime ?? (0 as Millis);
  }

  /** The replica as the store knows it takes up what came meanwhile. */
  start({ version, book, keptInputs, kept, halted, recovered }: Restored): void {
    if (this.life.now.kind !== "reading") return;
    const { isQuiet, distrustsKept } = this.life.now;
    this.#commits.version = version;
    this.#book = book;
    this.#keptInputs = keptInputs ?? null;
    if (halted !== null) return this.#stop(halted);
    const taken = distrustsKept ? [] : kept;
    try {
      this.life.run(this.#options.createCore(recovered), taken.length === 0);
    } catch (error) {
      // Nothing else has come in: it is the store that makes no sense, and it may be put right.
      return error instanceof StateMachineError
        ? this.#lose(error, [])
        : this.#stop(`${describe(error)}; ${HOW_TO_RECOVER}`);
    }
    this.#health.started();
    this.#pace.startAgain();
    if (this.#health.storeError !== null) noteFormat(this.#commits.writes); // so that a commit shows whether the store takes one again
    if (distrustsKept) this.#keptInputs?.clear(this.#commits.writes);
    const waiting = this.#backlog.take();
    if (!this.#backlog.isCut) waiting.push(...this.#options.outstanding().map((input) => ({ input })));
    // A host that starts replicas at will does so too often for them to ask; a new one has said nothing; this life knows what it said.
    const asks = !keptInputs && version > 1 && this.#health.reloads === 0;
    this.#take([{ input: { kind: "start", kept: taken, peers: this.#last.peers, asks, isQuiet } }, ...waiting]);
  }

  /** Steps one input after another, then commits what they want recorded and lets out what they want said. */
  run(tasks: readonly Task[]): void {
    if (tasks.length > 0) this.#rivals.stir();
    this.#take(this.core ? this.#pace.before(tasks) : tasks);
  }

  #take(tasks: readonly Task[]): void {
    if (tasks.length === 0) return;
    if (this.life.stopped !== null) return settleAll(tasks, "stopped");
    if (!this.core) return this.#backlog.push(tasks);
    let alarmAt: Millis | null = null;
    const loads: Digest[] = [];
    for (let index = 0; index < tasks.length; index++) {
      const task = tasks[index]!;
      if (this.#faults.isBarred(task.input)) {
        task.settle?.("taken");
        continue;
      }
      const ready = this.#step(task, index < tasks.length - 1);
      // The next core gets what came behind an input on which this one threw.
      if (!ready) return this.run(tasks.slice(index + 1).filter(({ input }) => !isOfOneLife(input)));
      alarmAt = ready.alarmAt;
      loads.push(...ready.loads);
    }
    this.#loader.load(loads);
    this.#alarm.set(alarmAt && this.#rivals.alarmAt(alarmAt));
    this.#flush();
  }

  /** Resolves once nothing is being read by need, or committed. */
  async committed(): Promise<void> {
    while (this.#loader.isBusy || this.#commits.underWay) {
      await this.#loader.settled();
      await this.#commits.underWay;
    }
  }

  /** Takes nothing more in, finishes the commit that is under way, commits the soft records that wait, closes the store. */
  async close(): Promise<void> {
    if (this.life.isClosed) return;
    this.life.close();
    this.#health.stopWatching();
    this.#options.onStop();
    this.#alarm.set(null);
    this.#rivals.stop();
    this.#retry.cancel();
    await this.#retry.running;
    await this.committed();
    if (this.core && this.#commits.writes.count > 0) await this.#commits.commit();
    settleAll(this.#backlog.drain(), "stopped");
    await this.#options.store.close();
  }

  #step(task: Task, more: boolean): Ready | null {
    const now = this.#options.timer.now();
    const { input } = task;
    const life = this.life.now as Running;
    if (!isOfOneLife(input)) life.isUntouched = false;
    try {
      const asked = more && input.kind === "request" ? { ...input, more } : input;
      const ready = life.core.step(asked, now, this.#options.timer.monotonic());
      for (const record of ready.records) this.#book.write(record, this.#commits.writes);
      this.#keptInputs?.note(task.input, ready, this.#commits.writes);
      // Another instance may have gone on: only a commit shows that this one's state is not an old one.
      if (ready.answers.length > 0) this.#commits.writes.isBinding = true;
      this.#commits.add({ task, ready, now });
      return ready;
    } catch (error) {
      this.#onThrow(task, error, life.isUntouched);
      return null;
    }
  }

  /** Whatever the core throws, its state can't be trusted any more: see {@linkcode InputFaults}. */
  #onThrow(task: Task, error: unknown, isUntouched: boolean): void {
    if (InputFaults.isFatal(task.input, error, isUntouched)) {
      this.#halt(describe(error));
      return task.settle?.("stopped");
    }
    this.#options.onFault(this.#faults.note(task.input, describe(error)));
    task.settle?.("taken");
    const distrustsKept = task.input.kind === "start";
    if (this.#reread([], { distrustsKept })) this.#reloading.after(this.#faults.reloadDelayMs);
  }

  #flush(): void {
    if (this.#commits.underWay || !this.core) return;
    const { maxSoftRecords, maxSoftBytes } = this.#options.limits;
    const { writes, hasSteps } = this.#commits;
    if (this.core.timers && hasSteps) this.#keptInputs?.noteTimers(this.core.timers(), writes);
    const { isBinding, count, bytes } = writes;
    if (isBinding || count > (this.#keptInputs ? 0 : maxSoftRecords) || bytes > maxSoftBytes) {
      void this.#commits.commit();
    } else this.#release(this.#commits.takeSteps());
  }

  #onCommitted({ stepped, writes, tookMs }: Committed): void {
    this.#health.storeError = null;
    this.#retry.reset();
    this.#rivals.noteCommit(tookMs);
    if (writes.count > 0) {
      this.#health.commits++;
      this.#options.onCommit(tookMs, writes.count, writes.bytes);
    }
    if (this.life.halted !== null) return settleAll(stepped.map(({ task }) => task), "stopped");
    this.#release(stepped);
    this.#flush();
    if (this.core && this.#backlog.isCut) this.run(this.#backlog.take());
  }

  #release(stepped: readonly Stepped[]): void {
    for (const { ready, now } of stepped) this.#options.release(ready, now);
    this.#unsettled.push(...stepped);
    if (!this.#keptInputs || !this.#loader.isBusy) this.#settle();
  }

  /** Inputs are done with, unless something that they have led to is still to be committed. */
  #settle(): void {
    if (this.#keptInputs && this.core && (this.#commits.underWay || this.#commits.hasSteps)) return;
    for (const { task, ready } of this.#unsettled.splice(0)) task.settle?.(ready.admission);
  }

  /** Another instance may have gone on, and removed what this one reads; or the store is damaged. */
  async #onReadFailure(error: unknown): Promise<void> {
    while (this.#commits.underWay) await this.#commits.underWay;
    if (!this.core) return;
    this.#lose(await whyUnreadable(this.#options.store, this.#commits.version, error), []);
  }

  /** The replica in memory has gone where the store has not: it goes, and the inputs are kept for the next one. */
  #lose(error: unknown, stepped: readonly Stepped[]): void {
    if (!this.#reread(stepped)) return;
    if (error instanceof StoreLimitError) this.#refuse(this.#backlog.cut(stepped.map(({ task }) => task)), error);
    this.#reloading.afterError(error);
  }

  /** An input that no commit has room for is its sender's to hear of, and is not taken again for a while. */
  #refuse(task: Task | null, error: unknown): void {
    if (task) this.#options.onFault(this.#faults.note(task.input, describe(error)));
    task?.settle?.("full");
  }

  /** The core in memory goes, with all that no commit covers. Gives whether the replica is to be read anew: not where it has stopped. */
  #reread(stepped: readonly Stepped[], why: Partial<WhyReading> = {}): boolean {
    const tasks = [...stepped.map(({ task }) => task), ...this.#commits.discard()];
    this.#dropCore(() => this.life.lose(why));
    const isOver = this.life.stopped !== null;
    if (isOver) settleAll(tasks, "stopped");
    else this.#backlog.putBack(tasks);
    return !isOver;
  }

  /** Whether another instance has gone on; then what it has written is taken up. */
  async #look(): Promise<boolean> {
    const isIdle = () => this.core !== null && !this.#commits.underWay && !this.#commits.hasSteps;
    const version = isIdle() ? await this.#options.store.version?.() ?? 0 : 0;
    if (version <= this.#commits.version || !isIdle() || !this.#reread([], { isQuiet: true })) return false;
    this.#rivals.noteOther();
    await this.#reloading.now();
    return true;
  }

  #halt(reason: string): void {
    this.#stop(reason);
    const halting = { store: this.#options.store, health: this.#health, retry: this.#retry, life: this.life };
    this.#retry.running = keepHalted(halting, reason, this.#commits.underWay);
  }

  /** It takes nothing more, for good. */
  #stop(reason: string): void {
    this.#health.stopWatching();
    this.#dropCore(() => this.life.halt(reason));
    this.#retry.cancel();
    settleAll([...this.#commits.discard(), ...this.#backlog.drain()], "stopped");
    this.#options.onStop();
  }

  /** There is no core in memory from here on, nor what goes with one. */
  #dropCore(move: () => void): void {
    this.#last.note(this.core);
    move();
    this.#loader.reset();
    this.#settle();
    this.#alarm.set(null);
  }
}
