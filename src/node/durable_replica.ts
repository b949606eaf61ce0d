/**
 * Persist, then speak. A replica and its store: steps it, commits the records of many steps at once, and only then lets
 * out what those steps want said. When a commit fails, nothing is let out; the replica is thrown away and read anew.
 * @module
 */
import { type Digest, type Millis, millis } from "../core/ids.ts";
import type { Ready, ReplicaStatus } from "../core/io.ts";
import { Alarm } from "./alarm.ts";
import type { DurableReplicaOptions, Stepped } from "./durable_options.ts";
import { Backoff, CONFLICT_BACKOFF, FAILURE_BACKOFF } from "./jitter.ts";
import type { KeptInputs } from "./kept_inputs.ts";
import { Loader } from "./loader.ts";
import { StoreConflictError, type Version } from "./ports.ts";
import { type RecordBook, WriteSet } from "./records.ts";
import { CorruptStoreError, markHalted, type Restored, whyUnreadable } from "./recovery.ts";
import type { NodeStatus } from "./status.ts";
import { type Core, isOfOneLife, settleAll, type Task } from "./task.ts";

/** The replica of one node. */
export class DurableReplica {
  readonly #options: DurableReplicaOptions;
  readonly #conflicts: Backoff;
  readonly #failures: Backoff;
  readonly #alarm: Alarm;
  readonly #loader: Loader;
  /** Null while it is being read from the store, and when stopped. */
  #core: Core | null = null;
  #book!: RecordBook;
  #keptInputs: KeptInputs | null = null;
  #version: Version = 0;
  #status: ReplicaStatus;
  /** Records of steps since the last commit was begun. */
  #writes = new WriteSet();
  /** Steps that are not covered by a commit yet, in order; what they want said waits. */
  #stepped: Stepped[] = [];
  /** What is under way to the store. */
  #committed: WriteSet | null = null;
  /** Inputs whose steps are durable, on a host that may stop when they are settled, while what they led to waits for reads. */
  #unsettled: Stepped[] = [];
  /** Inputs that wait for the replica to be read from the store. */
  #backlog: Task[] = [];
  #committing: Promise<void> | null = null;
  /** Reading the replica from the store, or writing that it is halted. */
  #recovering: Promise<void> | null = null;
  #cancelRetry: (() => void) | null = null;
  #halted: string | null = null;
  #closed = false;
  #storeError: string | null = null;
  #commits = 0;
  #reloads = 0;

  /** Nothing runs before {@linkcode start}. */
  constructor(options: DurableReplicaOptions) {
    this.#options = options;
    this.#conflicts = new Backoff(options.jitter, CONFLICT_BACKOFF);
    this.#failures = new Backoff(options.jitter, FAILURE_BACKOFF);
    this.#alarm = new Alarm(options.timer, () => this.run([{ input: { kind: "alarm" } }]));
    this.#loader = new Loader({
      isWanted: (digest) => this.#core?.isLoading?.(digest) ?? true,
      pending: (digest) => this.#writes.blobs.get(digest) ?? this.#committed?.blobs.get(digest),
      read: options.read,
      onLoaded: (blobs) => this.run([{ input: { kind: "loaded", blobs } }]),
      onFailure: (error) => this.#onReadFailure(error),
      onIdle: () => this.#settle(),
    });
    this.#status = options.dormant;
  }

  /** Why it takes nothing more. */
  get stopped(): string | null {
    if (this.#halted !== null) return `the replica has halted: ${this.#halted}`;
    return this.#closed ? "the node is closed" : null;
  }

  /** How it has fared since the start. */
  get record(): Pick<NodeStatus, "commits" | "reloads" | "storeError" | "halted"> {
    return {
      commits: this.#commits,
      reloads: this.#reloads,
      ...(this.#storeError !== null && { storeError: this.#storeError }),
      ...(this.#halted !== null && { halted: this.#halted }),
    };
  }

  /** The replica's status; if there is none in memory now, as it was last. */
  get status(): ReplicaStatus {
    if (this.#core) this.#status = this.#core.status();
    return this.#status;
  }

  /** The replica as the store knows it takes up what came meanwhile. */
  start({ version, book, keptInputs, kept, halted, recovered }: Restored): void {
    this.#version = version;
    this.#book = book;
    this.#keptInputs = keptInputs ?? null;
    if (halted !== null) return this.#stop(halted);
    try {
      this.#core = this.#options.createCore(recovered);
    } catch (error) {
      return this.#halt(describe(error));
    }
    const outstanding = this.#options.outstanding().map((input) => ({ input }));
    this.run([{ input: { kind: "start", kept } }, ...this.#backlog.splice(0), ...outstanding]);
  }

  /** Steps one input after another, then commits what they want recorded and lets out what they want said. */
  run(tasks: readonly Task[]): void {
    if (tasks.length === 0) return;
    if (this.stopped !== null) return settleAll(tasks, "stopped");
    if (!this.#core) return void this.#backlog.push(...tasks);
    let alarmAt: Millis | null = null;
    const loads: Digest[] = [];
    for (let index = 0; index < tasks.length; index++) {
      const ready = this.#step(tasks[index]!, index < tasks.length - 1);
      if (!ready) return settleAll(tasks.slice(index), "stopped");
      alarmAt = ready.alarmAt;
      loads.push(...ready.loads);
    }
    this.#loader.load(loads);
    this.#alarm.set(alarmAt);
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
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onStop();
    this.#alarm.set(null);
    this.#cancelRetry?.();
    await this.#recovering;
    await this.committed();
    if (this.#core && this.#writes.count > 0) await this.#commit();
    settleAll(this.#backlog.splice(0), "stopped");
    await this.#options.store.close();
  }

  #step(task: Task, more: boolean): Ready | null {
    const now = this.#options.timer.now();
    const { input } = task;
    try {
      const ready = this.#core!.step(more && input.kind === "request" ? { ...input, more } : input, now);
      for (const record of ready.records) this.#book.write(record, this.#writes);
      this.#keptInputs?.note(task.input, ready, this.#writes);
      // Another instance may have gone on: only a commit shows that this one's state is not an old one.
      if (this.#keptInputs && ready.answers.length > 0) this.#writes.isBinding = true;
      this.#stepped.push({ task, ready, now });
      return ready;
    } catch (error) {
      // Whatever the core throws, its state can't be trusted any more.
      this.#halt(describe(error));
      return null;
    }
  }

  #flush(): void {
    if (this.#committing || !this.#core) return;
    const { maxSoftRecords, maxSoftBytes } = this.#options.limits;
    if (this.#core.timers && this.#stepped.length > 0) this.#keptInputs?.noteTimers(this.#core.timers(), this.#writes);
    const { isBinding, count, bytes } = this.#writes;
    const mayWait = this.#keptInputs ? 0 : maxSoftRecords;
    if (isBinding || count > mayWait || bytes > maxSoftBytes) void this.#commit();
    else this.#release(this.#stepped.splice(0));
  }

  #commit(): Promise<void> {
    const writes = this.#writes;
    const stepped = this.#stepped;
    this.#committed = writes;
    this.#writes = new WriteSet();
    this.#stepped = [];
    return this.#committing = this.#commitNow(writes, stepped);
  }

  async #commitNow(writes: WriteSet, stepped: readonly Stepped[]): Promise<void> {
    const { store, timer, onCommit } = this.#options;
    const began = timer.monotonic();
    try {
      this.#version = await store.commit(writes, this.#version);
    } catch (error) {
      this.#committing = null;
      return this.#lose(error, stepped);
    }
    this.#committing = this.#committed = this.#storeError = null;
    this.#commits++;
    this.#conflicts.reset();
    this.#failures.reset();
    onCommit(timer.monotonic() - began, writes.count, writes.bytes);
    if (this.#halted !== null) return settleAll(stepped.map(({ task }) => task), "stopped");
    this.#release(stepped);
    this.#flush();
  }

  #release(stepped: readonly Stepped[]): void {
    for (const { ready, now } of stepped) this.#options.release(ready, now);
    this.#unsettled.push(...stepped);
    if (!this.#keptInputs || !this.#loader.isBusy) this.#settle();
  }

  /** Inputs are done with, unless something that they have led to is still to be committed. */
  #settle(): void {
    if (this.#keptInputs && this.#core && (this.#committing || this.#stepped.length > 0)) return;
    for (const { task, ready } of this.#unsettled.splice(0)) task.settle?.(ready.admission);
  }

  /** Another instance may have gone on, and removed what this one reads; or the store is damaged. */
  async #onReadFailure(error: unknown): Promise<void> {
    while (this.#committing) await this.#committing;
    if (!this.#core) return;
    const found = await whyUnreadable(this.#options.store, this.#version, error);
    if (found instanceof CorruptStoreError) this.#halt(describe(found));
    else this.#lose(found, []);
  }

  /** The replica in memory has gone where the store has not: it goes, and the inputs are kept for the next one. */
  #lose(error: unknown, stepped: readonly Stepped[]): void {
    const tasks = [...stepped, ...this.#stepped].map(({ task }) => task);
    this.#stepped = [];
    this.#writes = new WriteSet();
    this.#dropCore();
    if (this.stopped !== null) return settleAll(tasks, "stopped");
    this.#alarm.set(null);
    this.#backlog.unshift(...tasks.filter(({ input }) => !isOfOneLife(input)));
    this.#reloadLater(error);
  }

  #reloadLater(error: unknown): void {
    const isConflict = error instanceof StoreConflictError;
    if (!isConflict) this.#storeError = describe(error);
    this.#retry((isConflict ? this.#conflicts : this.#failures).next(), () => this.#reload());
  }

  async #reload(): Promise<void> {
    try {
      const restored = await this.#options.restore();
      if (this.#closed) return;
      this.#reloads++;
      this.start(restored);
    } catch (error) {
      if (!this.#closed) this.#reloadLater(error);
    }
  }

  #retry(delayMs: number, run: () => Promise<void>): void {
    const { timer } = this.#options;
    this.#cancelRetry = timer.schedule(millis(timer.now() + delayMs), () => this.#recovering = run());
  }

  #halt(reason: string): void {
    this.#stop(reason);
    this.#recovering = this.#markHalted(reason);
  }

  #stop(reason: string): void {
    this.#halted = reason;
    this.#dropCore();
    this.#alarm.set(null);
    this.#writes = new WriteSet();
    const tasks = [...this.#stepped.splice(0).map(({ task }) => task), ...this.#backlog.splice(0)];
    settleAll(tasks, "stopped");
    this.#options.onStop();
  }

  #dropCore(): void {
    try {
      this.#status = this.status;
    } catch {
      // A broken replica may not even be able to say how it is; then it is as it was last.
    }
    this.#core = null;
    this.#loader.reset();
    this.#settle();
  }

  /** Makes sure that a restart finds it halted too. */
  async #markHalted(reason: string): Promise<void> {
    try {
      await this.#committing;
      await markHalted(this.#options.store, reason);
      this.#storeError = null;
    } catch (error) {
      if (this.#closed) return;
      this.#storeError = describe(error);
      this.#retry(this.#failures.next(), () => this.#markHalted(reason));
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
