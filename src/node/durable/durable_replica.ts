/**
 * Persist, then speak. A replica and its store: steps it, commits the records of many steps at once, and only then lets
 * out what those steps want said. When a commit fails, nothing is let out; the replica is thrown away and read anew.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Ready, ReplicaStatus } from "../../core/io.ts";
import { StateMachineError } from "../../core/ordering/machine_guard.ts";
import { Alarm } from "../async/alarm.ts";
import { Backlog } from "./backlog.ts";
import type { DurableReplicaOptions, Stepped } from "./options.ts";
import { InputFaults } from "./input_faults.ts";
import { describe, keepHalted } from "./halting.ts";
import { Health } from "./health.ts";
import type { KeptInputs } from "./kept_inputs.ts";
import { LastWords } from "./last_words.ts";
import { Loader } from "./loader.ts";
import { type Loaded, StoreConflictError, StoreLimitError, type Version } from "../ports.ts";
import { type RecordBook, WriteSet } from "../storage/record_book.ts";
import { noteFormat } from "../storage/identity.ts";
import { type Restored, whyUnreadable } from "../storage/opening.ts";
import { Retry } from "../async/retry.ts";
import { Rivals } from "./rivals.ts";
import { StorePace } from "./store_pace.ts";
import { HOW_TO_RECOVER, isLasting } from "../storage/store_errors.ts";
import { type Core, isOfOneLife, settleAll, type Task } from "./task.ts";

/** The replica of one node. */
export class DurableReplica {
  readonly #options: DurableReplicaOptions;
  readonly #rivals: Rivals;
  readonly #pace: StorePace;
  /** It is read anew because another instance has gone on, which says where the replica is: this one need not. */
  #hasLooked = false;
  readonly #alarm: Alarm;
  readonly #loader: Loader;
  /** Null while it is being read from the store, and when stopped. */
  core: Core | null = null;
  /** Whether nothing from outside was stepped since it was read from the store. */
  #isUntouched = true;
  #distrustsKept = false; // it threw at its start, with inputs that were kept: they go
  #book!: RecordBook;
  #keptInputs: KeptInputs | null = null;
  #version: Version = 0;
  readonly #last: LastWords;
  /** Records of steps since the last commit was begun. */
  #writes = new WriteSet();
  /** Steps that are not covered by a commit yet, in order; what they want said waits. */
  #stepped: Stepped[] = [];
  /** What is under way to the store. */
  #committed: WriteSet | null = null;
  /** Inputs whose steps are durable, on a host that may stop when they are settled, while what they led to waits for reads. */
  #unsettled: Stepped[] = [];
  readonly #backlog = new Backlog();
  #committing: Promise<void> | null = null;
  readonly #faults: InputFaults;
  /** How it has fared since the start, and whether it has stopped. */
  readonly health: Health;
  readonly #retry: Retry;

  constructor(options: DurableReplicaOptions) {
    this.#options = options;
    this.#pace = new StorePace(options.timer);
    this.#rivals = new Rivals({ ...options, look: () => this.#look() });
    this.#alarm = new Alarm(options.timer, () => this.run([{ input: { kind: "alarm" } }]));
    this.#loader = new Loader({
      isWanted: (digest) => this.core?.isLoading?.(digest) ?? true,
      pending: (digest) => this.#writes.blobs.get(digest) ?? this.#committed?.blobs.get(digest),
      read: options.read,
      onLoaded: (blobs) => this.run([{ input: { kind: "loaded", blobs } }]),
      onFailure: (error) => this.#onReadFailure(error),
      onIdle: () => this.#settle(),
    });
    this.#faults = new InputFaults(options.timer);
    this.health = new Health(this.#faults, { ...options, onGone: (error) => this.#stop(describe(error)) });
    this.#retry = new Retry(options.timer, options.jitter, () => this.#rivals.noteConflict());
    this.#last = new LastWords(options.dormant);
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
    this.#version = version;
    this.#book = book;
    this.#keptInputs = keptInputs ?? null;
    if (halted !== null) return this.#stop(halted);
    try {
      this.core = this.#options.createCore(recovered);
    } catch (error) {
      // Nothing else has come in: it is the store that makes no sense, and it may be put right.
      return error instanceof StateMachineError
        ? this.#lose(error, [])
        : this.#stop(`${describe(error)}; ${HOW_TO_RECOVER}`);
    }
    this.health.started();
    this.#pace.startAgain();
    if (this.health.storeError !== null) noteFormat(this.#writes); // so that a commit shows whether the store takes one again
    const taken = this.#distrustsKept ? [] : kept;
    if (this.#distrustsKept) this.#keptInputs?.clear(this.#writes);
    this.#distrustsKept = false;
    this.#isUntouched = taken.length === 0;
    const waiting = this.#backlog.take();
    if (!this.#backlog.isCut) waiting.push(...this.#options.outstanding().map((input) => ({ input })));
    // A host that starts replicas at will does so too often for them to ask; a new one has said nothing; this life knows what it said.
    const asks = !keptInputs && version > 1 && this.health.reloads === 0;
    const isQuiet = this.#hasLooked;
    this.#hasLooked = false;
    this.#take([{ input: { kind: "start", kept: taken, peers: this.#last.peers, asks, isQuiet } }, ...waiting]);
  }

  /** Steps one input after another, then commits what they want recorded and lets out what they want said. */
  run(tasks: readonly Task[]): void {
    if (tasks.length > 0) this.#rivals.stir();
    this.#take(this.core ? this.#pace.before(tasks) : tasks);
  }

  #take(tasks: readonly Task[]): void {
    if (tasks.length === 0) return;
    if (this.health.stopped !== null) return settleAll(tasks, "stopped");
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
    while (this.#loader.isBusy || this.#committing) {
      await this.#loader.settled();
      await this.#committing;
    }
  }

  /** Takes nothing more in, finishes the commit that is under way, commits the soft records that wait, closes the store. */
  async close(): Promise<void> {
    if (this.health.isClosed) return;
    this.health.close();
    this.#options.onStop();
    this.#alarm.set(null);
    this.#rivals.stop();
    this.#retry.cancel();
    await this.#retry.running;
    await this.committed();
    if (this.core && this.#writes.count > 0) await this.#commit();
    settleAll(this.#backlog.drain(), "stopped");
    await this.#options.store.close();
  }

  #step(task: Task, more: boolean): Ready | null {
    const now = this.#options.timer.now();
    const { input } = task;
    if (!isOfOneLife(input)) this.#isUntouched = false;
    try {
      const asked = more && input.kind === "request" ? { ...input, more } : input;
      const ready = this.core!.step(asked, now, this.#options.timer.monotonic());
      for (const record of ready.records) this.#book.write(record, this.#writes);
      this.#keptInputs?.note(task.input, ready, this.#writes);
      // Another instance may have gone on: only a commit shows that this one's state is not an old one.
      if (ready.answers.length > 0) this.#writes.isBinding = true;
      this.#stepped.push({ task, ready, now });
      return ready;
    } catch (error) {
      this.#onThrow(task, error);
      return null;
    }
  }

  /** Whatever the core throws, its state can't be trusted any more: see {@linkcode InputFaults}. */
  #onThrow(task: Task, error: unknown): void {
    if (InputFaults.isFatal(task.input, error, this.#isUntouched)) {
      this.#halt(describe(error));
      return task.settle?.("stopped");
    }
    this.#options.onFault(this.#faults.note(task.input, describe(error)));
    this.#distrustsKept = task.input.kind === "start";
    task.settle?.("taken");
    if (this.#discard([])) this.#retry.after(this.#faults.reloadDelayMs, () => this.#reload());
  }

  #flush(): void {
    if (this.#committing || !this.core) return;
    const { maxSoftRecords, maxSoftBytes } = this.#options.limits;
    if (this.core.timers && this.#stepped.length > 0) this.#keptInputs?.noteTimers(this.core.timers(), this.#writes);
    const { isBinding, count, bytes } = this.#writes;
    if (isBinding || count > (this.#keptInputs ? 0 : maxSoftRecords) || bytes > maxSoftBytes) void this.#commit();
    else this.#release(this.#stepped.splice(0));
  }

  #commit(): Promise<void> {
    const writes = this.#committed = this.#writes;
    this.#writes = new WriteSet();
    return this.#committing = this.#commitNow(writes, this.#stepped.splice(0));
  }

  async #commitNow(writes: WriteSet, stepped: readonly Stepped[]): Promise<void> {
    const { store, onCommit } = this.#options;
    this.#pace.began();
    try {
      this.#version = await store.commit(writes, this.#version);
    } catch (error) {
      this.#pace.failed();
      this.#committing = null;
      return this.#lose(error, stepped);
    }
    this.#committing = this.#committed = this.health.storeError = null;
    this.#retry.reset();
    const tookMs = this.#pace.done();
    this.#rivals.noteCommit(tookMs);
    if (writes.count > 0) {
      this.health.commits++;
      onCommit(tookMs, writes.count, writes.bytes);
    }
    if (this.health.halted !== null) return settleAll(stepped.map(({ task }) => task), "stopped");
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
    if (this.#keptInputs && this.core && (this.#committing || this.#stepped.length > 0)) return;
    for (const { task, ready } of this.#unsettled.splice(0)) task.settle?.(ready.admission);
  }

  /** Another instance may have gone on, and removed what this one reads; or the store is damaged. */
  async #onReadFailure(error: unknown): Promise<void> {
    while (this.#committing) await this.#committing;
    if (!this.core) return;
    this.#lose(await whyUnreadable(this.#options.store, this.#version, error), []);
  }

  /** The replica in memory has gone where the store has not: it goes, and the inputs are kept for the next one. */
  #lose(error: unknown, stepped: readonly Stepped[]): void {
    if (!this.#discard(stepped)) return;
    if (error instanceof StoreLimitError) this.#refuse(this.#backlog.cut(stepped.map(({ task }) => task)), error);
    this.#reloadLater(error);
  }

  /** An input that no commit has room for is its sender's to hear of, and is not taken again for a while. */
  #refuse(task: Task | null, error: unknown): void {
    if (task) this.#options.onFault(this.#faults.note(task.input, describe(error)));
    task?.settle?.("full");
  }

  #discard(stepped: readonly Stepped[]): boolean {
    const tasks = [...stepped, ...this.#stepped.splice(0)].map(({ task }) => task);
    this.#writes = new WriteSet();
    this.#dropCore();
    this.#alarm.set(null);
    const isOver = this.health.stopped !== null;
    if (isOver) settleAll(tasks, "stopped");
    else this.#backlog.putBack(tasks);
    return !isOver;
  }

  /** What is wrong with the store for good is no reason to halt for good: it may be put right. */
  #reloadLater(error: unknown): void {
    if (isLasting(error)) return this.#stop(describe(error));
    if (!(error instanceof StoreConflictError)) this.health.failed(error);
    const known = error instanceof StoreConflictError ? error.loaded : undefined;
    this.#retry.afterError(error, () => this.#reload(known));
  }

  async #reload(known?: Loaded): Promise<void> {
    try {
      await this.#committing;
      const restored = await this.#options.restore(known);
      if (this.health.stopped !== null || this.core) return;
      this.health.reloads++;
      this.start(restored);
    } catch (error) {
      if (this.health.stopped === null) this.#reloadLater(error);
    }
  }

  /** Whether another instance has gone on; then what it has written is taken up. */
  async #look(): Promise<boolean> {
    const isIdle = () => this.core !== null && !this.#committing && this.#stepped.length === 0;
    const version = isIdle() ? await this.#options.store.version?.() ?? 0 : 0;
    if (version <= this.#version || !isIdle() || !this.#discard([])) return false;
    this.#rivals.noteOther();
    this.#hasLooked = true;
    await (this.#retry.running = this.#reload());
    return true;
  }

  #halt(reason: string): void {
    this.#stop(reason);
    const halting = { ...this.#options, health: this.health, retry: this.#retry };
    this.#retry.running = keepHalted(halting, reason, this.#committing);
  }

  #stop(reason: string): void {
    this.health.halt(reason);
    this.#dropCore();
    this.#alarm.set(null);
    this.#retry.cancel();
    this.#writes = new WriteSet();
    settleAll([...this.#stepped.splice(0).map(({ task }) => task), ...this.#backlog.drain()], "stopped");
    this.#options.onStop();
  }

  #dropCore(): void {
    this.#last.note(this.core);
    this.core = null;
    this.health.isReloading = true;
    this.#loader.reset();
    this.#settle();
  }
}
