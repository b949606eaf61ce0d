/**
 * Runs the core on a store: "persist, then send". The records of many steps are committed at once, and only then are
 * the messages of those steps sent. If a commit fails, the core is discarded with those messages, and the replica is
 * reloaded from its store.
 * @module
 */
import type { Digest, Millis } from "../../core/messages/ids.ts";
import type { Ready, ReplicaStatus } from "../../core/io.ts";
import { StateMachineError } from "../../core/ordering/machine_guard.ts";
import { Alarm } from "../async/alarm.ts";
import type { DurableReplicaOptions, Stepped } from "./options.ts";
import { InputFaults } from "./input_faults.ts";
import { CommitPath } from "./commit/commit_path.ts";
import type { Committed, GroupCommit } from "./commit/group_commit.ts";
import { Health } from "./health.ts";
import { describe, keepHalted, LastKnown, LifeCycle, type Running, type WhyReading } from "./life.ts";
import { Loader } from "./loader.ts";
import { StoreLimitError } from "../ports.ts";
import { noteFormat } from "../storage/identity.ts";
import { classifyReadError, type Restored } from "../storage/opening.ts";
import { Reloading } from "./reloading.ts";
import { Retry } from "../async/retry.ts";
import { newsIn, OtherInstances } from "./other_instances.ts";
import { CorruptStoreError, HOW_TO_RECOVER } from "../storage/store_errors.ts";
import { readSound } from "../repair/damage.ts";
import { Backlog, Coming, type Core, isInternal, stopAll, type Task } from "./task.ts";

/** The replica of one node. {@linkcode LifeCycle} has its states and the transitions between them. */
export class DurableReplica {
  readonly #options: DurableReplicaOptions;
  /** Its state, and why it accepts nothing more, if so. */
  readonly life: LifeCycle = new LifeCycle();
  readonly #last: LastKnown;
  readonly #backlog = new Backlog();
  readonly #path: CommitPath;
  readonly #commits: GroupCommit;
  readonly #loader: Loader;
  readonly #alarm: Alarm;
  readonly #others: OtherInstances;
  readonly #faults: InputFaults;
  readonly #health: Health;
  readonly #retry: Retry;
  readonly #reloading: Reloading;

  constructor(options: DurableReplicaOptions) {
    this.#options = options;
    this.#last = new LastKnown(options.dormant);
    this.#others = new OtherInstances({ ...options, poll: () => this.#poll(), onQuiet: () => this.#path.commitDue() });
    this.#path = new CommitPath({
      ...options,
      others: this.#others,
      core: () => this.core,
      isLoading: () => this.#loader.isBusy,
      onCommitted: (commit) => this.#onCommitted(commit),
      onFailure: (error, stepped) => this.#onFailure(error, stepped),
    });
    this.#commits = this.#path.group;
    this.#loader = new Loader({
      isWanted: (digest) => this.core?.isLoading?.(digest) ?? true,
      pending: (digest) => this.#commits.pendingBlob(digest),
      read: options.read,
      // run() would take a read for activity, and poll for commits of other instances.
      onLoaded: (blobs) => this.#take(new Coming([{ input: { kind: "loaded", blobs } }])),
      onFailure: (error, digests) => this.#onReadFailure(error, digests),
      onIdle: () => this.#path.reportOutcomes(),
    });
    this.#alarm = new Alarm(options.timer, () => this.run([{ input: { kind: "alarm" } }]));
    this.#faults = new InputFaults(options.timer);
    this.#health = new Health(this.#faults, { ...options, onGone: (error) => this.#stop(describe(error)) });
    this.#retry = new Retry(options.timer, options.jitter, () => this.#others.noteConflict());
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

  /** The core; null while it is being loaded, and when it has stopped. */
  get core(): Core | null {
    return this.life.core;
  }

  /** Its fields of the node's status. */
  get record(): ReturnType<Health["record"]> {
    return this.#health.record(this.life);
  }

  /** The status of the core, or the last known one if there is no core. */
  get status(): ReplicaStatus {
    return this.#last.status = this.core?.status() ?? this.#last.status;
  }

  /** The agreed time of the last executed batch, or the last known one. */
  get agreedTime(): Millis {
    return this.core?.agreedTime ?? this.status.agreedTime ?? (0 as Millis);
  }

  /** Starts a core with the content of the store, and gives it the inputs that arrived meanwhile. */
  start(restored: Restored): void {
    if (this.life.now.kind !== "reading") return;
    const { version, epoch, keptInputs, kept, halted, storedState } = restored;
    const { isQuiet, distrustsKept } = this.life.now;
    this.#path.restart(restored);
    if (halted !== null) return this.#stop(halted);
    const taken = distrustsKept ? [] : kept;
    try {
      this.life.run(this.#options.createCore(storedState), taken.length === 0);
    } catch (error) {
      // No input was processed, so the content of the store is wrong. It may be repaired.
      if (error instanceof StateMachineError) return this.#onFailure(error, []);
      return this.#stop(`${describe(error)}; ${HOW_TO_RECOVER}`);
    }
    this.#health.started();
    if (this.#health.storeError !== null) noteFormat(this.#commits.writes, epoch); // so that a commit shows whether the store works again
    if (distrustsKept) this.#path.dropKeptInputs();
    const waiting = this.#backlog.take();
    if (!this.#backlog.isSplit) waiting.push(...this.#options.outstanding().map((input) => ({ input })));
    // To notice an old copy of the store. A new store and a reload need no check; a host with persisted inputs restarts too often.
    const asks = !keptInputs && version > 1 && this.#health.reloads === 0;
    const started: Task = { input: { kind: "start", kept: taken, peers: this.#last.peers, asks, isQuiet } };
    this.#take(new Coming([started, ...waiting]));
  }

  /**
   * Steps the inputs one after another, then commits their records and sends their messages. Each input is asked for
   * only after the one before was stepped.
   */
  run(tasks: Iterable<Task>): void {
    const coming = new Coming(tasks);
    if (coming.isEmpty) return;
    this.#others.onActivity();
    if (this.core) coming.putFirst(this.#path.pace.news());
    this.#take(coming);
  }

  #take(coming: Coming): void {
    if (this.life.stopped !== null) return stopAll(coming.rest());
    if (!this.core) return this.#backlog.push(coming.rest());
    let alarmAt: Millis | null = null;
    const loads: Digest[] = [];
    for (let task = coming.take(); task; task = coming.take()) {
      if (this.#faults.isQuarantined(task.input)) {
        task.onOutcome?.("taken");
        continue;
      }
      const ready = this.#step(task, task.input.kind === "request" && !coming.isEmpty);
      // The next core gets the inputs after the one on which this core threw.
      if (!ready) return this.run(coming.rest().filter(({ input }) => !isInternal(input)));
      alarmAt = ready.alarmAt;
      loads.push(...ready.loads);
    }
    this.#loader.load(loads);
    this.#alarm.set(alarmAt && this.#others.alarmAt(alarmAt));
    this.#path.flush();
  }

  /** Resolves once no read and no commit is running. */
  async committed(): Promise<void> {
    while (this.#loader.isBusy || this.#path.isBusy) {
      this.#path.hurry();
      await this.#loader.settled();
      await this.#commits.running;
    }
  }

  /** Accepts nothing more, finishes the running commit, commits the remaining soft records, and closes the store. */
  async close(): Promise<void> {
    if (this.life.isClosed) return;
    this.life.close();
    this.#health.stopWatching();
    this.#options.onStop();
    this.#alarm.set(null);
    this.#path.stopGathering();
    this.#others.stop();
    this.#retry.cancel();
    await this.#retry.running;
    await this.committed();
    if (this.core && this.#commits.writes.count > 0) await this.#commits.commit();
    stopAll(this.#backlog.drain());
    await this.#options.store.close();
  }

  #step(task: Task, more: boolean): Ready | null {
    const now = this.#options.timer.now();
    const { input } = task;
    const life = this.life.now as Running;
    if (!isInternal(input)) life.isUntouched = false;
    try {
      const asked = more && input.kind === "request" ? { ...input, more } : input;
      const ready = life.core.step(asked, now, this.#options.timer.monotonic());
      task.onStepped?.(ready);
      this.#path.add(task, ready, now);
      return ready;
    } catch (error) {
      this.#onThrow(task, error, life.isUntouched);
      return null;
    }
  }

  /** After any error the core's state can't be trusted: see {@linkcode InputFaults}. */
  #onThrow(task: Task, error: unknown, isUntouched: boolean): void {
    if (InputFaults.isFatal(task.input, error, isUntouched)) {
      this.#halt(describe(error));
      return task.onOutcome?.("stopped");
    }
    this.#options.onFault(this.#faults.note(task.input, describe(error)));
    task.onOutcome?.("taken");
    const why = { distrustsKept: task.input.kind === "start" };
    if (this.#discardCore([], why)) this.#reloading.after(this.#faults.reloadDelayMs);
  }

  #onCommitted({ stepped, writes, tookMs }: Committed): void {
    this.#health.committed();
    this.#retry.reset();
    this.#others.noteCommit(tookMs);
    if (writes.count > 0) {
      this.#health.commits++;
      this.#options.onCommit(tookMs, writes.count, writes.bytes);
    }
    if (this.life.halted !== null) return stopAll(stepped.map(({ task }) => task));
    this.#path.proceed(stepped);
    if (this.core && this.#backlog.isSplit) this.run(this.#backlog.take());
  }

  /** A read failed: another instance has committed and removed the blob, or the store is damaged and others can help. */
  async #onReadFailure(error: unknown, digests: readonly Digest[]): Promise<void> {
    while (this.#commits.running) await this.#commits.running;
    const core = this.core;
    if (!core) return;
    const why = await classifyReadError(this.#options.store, this.#commits.version, error);
    const repair = why instanceof CorruptStoreError && this.#options.canRepair
      ? await readSound(digests, this.#options.read)
      : null;
    if (!repair) return this.#onFailure(why, []);
    if (this.core !== core) return;
    const { sound: blobs, damaged } = repair;
    this.run([{ input: { kind: "loaded", blobs } }, { input: { kind: "damaged-blobs", digests: damaged } }]);
  }

  /** A commit or a read failed, so the core is ahead of the store. It is discarded; the next core gets the inputs. */
  #onFailure(error: unknown, stepped: readonly Stepped[]): void {
    if (!this.#discardCore(stepped)) return;
    if (error instanceof StoreLimitError) this.#refuse(this.#backlog.split(stepped.map(({ task }) => task)), error);
    this.#reloading.afterError(error);
  }

  /** Rejects an input that is too large for any commit, and quarantines it for a while. */
  #refuse(task: Task | null, error: unknown): void {
    if (task) this.#options.onFault(this.#faults.note(task.input, describe(error)));
    task?.onOutcome?.("full");
  }

  /** Discards the core with all uncommitted steps. Returns false if the replica has stopped: no reload then. */
  #discardCore(stepped: readonly Stepped[], why: Partial<WhyReading> = {}): boolean {
    const tasks = [...stepped.map(({ task }) => task), ...this.#commits.discard()];
    this.#dropCore(() => this.life.reload(why));
    if (this.life.stopped === null) this.#backlog.putBack(tasks);
    else stopAll(tasks);
    return this.life.stopped === null;
  }

  /** Checks whether another instance has committed, and if so reloads the replica. */
  async #poll(): Promise<boolean> {
    const isIdle = () => this.life.now.kind === "running" && this.#path.isIdle;
    const news = isIdle() ? await newsIn(this.#options.store, this.#commits.version) : null;
    if (!news || news.version <= this.#commits.version || !isIdle()) return false;
    if (!this.#discardCore([], { isQuiet: true })) return false;
    this.#others.noteOtherCommit();
    await this.#reloading.now(news.loaded);
    return true;
  }

  #halt(reason: string): void {
    this.#stop(reason);
    const halting = { store: this.#options.store, health: this.#health, retry: this.#retry, life: this.life };
    this.#retry.running = keepHalted(halting, reason, this.#commits.running);
  }

  /** Stops the replica until an operator intervenes. */
  #stop(reason: string): void {
    this.#health.stopWatching();
    this.#dropCore(() => this.life.halt(reason));
    this.#retry.cancel();
    stopAll([...this.#commits.discard(), ...this.#backlog.drain()]);
    this.#options.onStop();
  }

  /** Discards the core, and stops its reads and its alarm. `move`: the transition to the next state. */
  #dropCore(move: () => void): void {
    this.#last.note(this.core);
    move();
    this.#loader.reset();
    this.#path.coreIsGone();
    this.#alarm.set(null);
  }
}
