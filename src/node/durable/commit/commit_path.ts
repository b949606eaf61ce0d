/**
 * The path of a step: its records into a commit, its messages out once they are durable, and at last the outcome of its input.
 * @module
 */
import type { Ready } from "../../../core/io.ts";
import type { Millis } from "../../../core/messages/ids.ts";
import { isBinding } from "../../../core/records.ts";
import { Alarm } from "../../async/alarm.ts";
import type { NodeLimits } from "../../limits.ts";
import type { Store, Timer } from "../../ports.ts";
import type { Restored } from "../../storage/opening.ts";
import type { RecordWriter } from "../../storage/record_writer.ts";
import type { KeptInputs } from "../kept_inputs.ts";
import { type Stepped, urgencyOf } from "../options.ts";
import type { OtherInstances } from "../other_instances.ts";
import type { Core, Task } from "../task.ts";
import { type Committed, GroupCommit } from "./group_commit.ts";
import { StorePace } from "./store_pace.ts";

/** Options of {@linkcode CommitPath}. */
export interface CommitPathOptions {
  readonly store: Pick<Store, "commit">;
  readonly timer: Timer;
  readonly limits: Pick<NodeLimits, "maxSoftRecords" | "maxSoftBytes">;
  readonly others: Pick<OtherInstances, "areAtWork" | "yieldMs" | "endYield">;
  /** The core; `null` if there is none now. */
  readonly core: () => Core | null;
  /** Whether reads that steps caused are running. */
  readonly isLoading: () => boolean;
  /** Sends the messages of a step, after its records are durable. */
  readonly release: (ready: Ready, now: Millis) => void;
  /** A commit is durable. Its steps are to be released. */
  readonly onCommitted: (commit: Committed) => void;
  /** The commit of these steps failed; the store has none of their records. */
  readonly onFailure: (error: unknown, stepped: readonly Stepped[]) => void;
}

/** The steps of one replica, from the core to the network. */
export class CommitPath {
  readonly group: GroupCommit;
  readonly pace: StorePace;
  readonly #options: CommitPathOptions;
  /** Encodes records for the store; made at each load. */
  #recordWriter!: RecordWriter;
  #keptInputs: KeptInputs | null = null;
  /** Set while inputs that are kept wait for more of them, before they are committed together. */
  readonly #gathering: Alarm;
  /** Inputs whose steps are durable, and that a host which may stop settles only after the reads they caused. */
  #unreported: Stepped[] = [];

  constructor(options: CommitPathOptions) {
    this.#options = options;
    this.pace = new StorePace(options.timer);
    this.group = new GroupCommit({
      store: options.store,
      pace: this.pace,
      onCommitted: (commit) => options.onCommitted(commit),
      onFailure: (error, stepped) => options.onFailure(error, stepped),
    });
    const schedule = options.timer.schedule.bind(options.timer);
    this.#gathering = new Alarm({ schedule }, () => this.#commitGathered());
  }

  /** Whether a commit is running, or waits for more inputs. */
  get isBusy(): boolean {
    return this.group.running !== null || this.#gathering.isSet;
  }

  /** Whether no commit is running, and nothing must be committed now. Steps that wait for more are no obstacle: perhaps another instance has made them superfluous. */
  get isIdle(): boolean {
    return this.group.running === null && (!this.group.hasSteps || this.#gathering.isSet);
  }

  /** Goes on from what was restored. */
  restart({ version, writer, keptInputs }: Pick<Restored, "version" | "writer" | "keptInputs">): void {
    this.group.version = version;
    this.#recordWriter = writer;
    this.#keptInputs = keptInputs ?? null;
    this.pace.startAgain();
  }

  /** Removes the persisted inputs with the next commit. */
  dropKeptInputs(): void {
    this.#keptInputs?.clear(this.group.writes);
  }

  /** Adds a step to the next commit. */
  add(task: Task, ready: Ready, now: Millis): void {
    for (const record of ready.records) this.#recordWriter.write(record, this.group.writes);
    this.#keptInputs?.note(task.input, ready, this.group.writes);
    // Another instance may have committed. Only a successful commit proves that the state of this one is current.
    if (ready.answers.length > 0) this.group.writes.isBinding = true;
    const urgency = urgencyOf(task.input, ready);
    this.group.add({ task, ready: this.#replyEarly(ready, now), now, urgency });
  }

  /**
   * Releases a step with replies, and nothing else to send, at once if all other records are durable, above all this replica's prepared
   * certificate: the batch is then decided by a quorum that can prove it after any crash. What this step itself stores, a restarted replica
   * finds out again, and any instance, however old its state, executes the batch with the same results. A binding record in the same step
   * waits, of course. Returns what must wait.
   */
  #replyEarly(ready: Ready, now: Millis): Ready {
    const { records, replies, messages, answers, offers = [] } = ready;
    const saysMore = messages.length + answers.length + offers.length > 0;
    if (replies.length === 0 || saysMore || records.some(isBinding) || this.group.isBehind) return ready;
    this.#options.release(ready, now);
    return { ...ready, records: [], replies: [], events: [] };
  }

  /** Commits what waits if it must be durable or is much; otherwise releases it: its records are soft, and wait for the next commit. */
  flush(): void {
    const core = this.#options.core();
    if (this.group.running || !core) return;
    const { maxSoftRecords, maxSoftBytes } = this.#options.limits;
    const { writes, hasSteps } = this.group;
    if (core.timers && hasSteps) this.#keptInputs?.noteTimers(core.timers(), writes);
    const { count, bytes } = writes;
    if (writes.isBinding || count > (this.#keptInputs ? 0 : maxSoftRecords) || bytes > maxSoftBytes) {
      const gatherMs = this.#keptInputs ? this.#gatherMs() : 0;
      if (gatherMs === 0) this.#commit();
      else if (!this.#gathering.isSet) this.#gathering.set(Math.ceil(this.#options.timer.now() + gatherMs) as Millis);
    } else {
      this.#options.others.endYield();
      this.#release(this.group.takeSteps());
    }
  }

  /** How long what waits may wait for more before it is committed, ms. */
  #gatherMs(): number {
    const { others } = this.#options;
    if (!others.areAtWork) return this.group.isSilent ? this.pace.gatherMs : 0;
    return this.group.has("now") ? 0 : others.yieldMs();
  }

  /** Sends the messages of steps that are durable, and then does the same for the steps made meanwhile. */
  proceed(stepped: readonly Stepped[]): void {
    this.#release(stepped);
    this.flush();
  }

  /** Starts the commit that waits for more inputs. */
  hurry(): void {
    if (this.#gathering.isSet) this.#commitGathered();
  }

  /** No other instance has committed meanwhile: commits what waited for that, unless it can wait longer. */
  commitDue(): void {
    if (this.group.has("soon")) this.#commitGathered();
  }

  #commit(): void {
    this.#gathering.set(null);
    void this.group.commit();
  }

  #commitGathered(): void {
    if (this.#options.core() && !this.group.running && this.group.hasSteps) this.#commit();
    else this.#gathering.set(null);
  }

  #release(stepped: readonly Stepped[]): void {
    for (const { ready, now } of stepped) this.#options.release(ready, now);
    this.#unreported.push(...stepped);
    if (!this.#keptInputs || !this.#options.isLoading()) this.reportOutcomes();
  }

  /** Settles inputs, unless effects of them are not committed yet. */
  reportOutcomes(): void {
    if (this.#keptInputs && this.#options.core() && (this.group.running || this.group.hasSteps)) return;
    for (const { task, ready } of this.#unreported.splice(0)) task.onOutcome?.(ready.admission);
  }

  /** Lets no commit wait for more inputs. */
  stopGathering(): void {
    this.#gathering.set(null);
  }

  /** The core was discarded, with all that is not committed. */
  coreIsGone(): void {
    this.reportOutcomes();
    this.stopGathering();
  }
}
