/**
 * The rules of the end of an epoch that each process of a member keeps, whatever the others do (`docs/membership.md`).
 * Most faults in them heal: sooner or later a member asks the others for links. So they are checked when they happen.
 * @module
 */
import type { Ready } from "../../core/io.ts";
import type { StoredState } from "../../core/records.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { Disk } from "../hosts/disk.ts";
import type { ProcessWatch, WatchedProcess } from "../world/world.ts";

/** The disks whose replicas have recovered since the disk was lost, each with how often it had been replaced by then. */
export type Recovered = WeakMap<Disk, number>;

/** Called when a process is at a moment of which much depends: it has accepted a configuration, or closed its epoch. */
export type OnMoment = (label: string) => void;

/** The rules of one process. */
export class Endings implements ProcessWatch {
  readonly #watched: WatchedProcess;
  readonly #recovered: Recovered;
  readonly #onMoment: OnMoment;
  /** The number of the state that it has, of its stable checkpoint, and of the last batch that it has executed. */
  #state = 0;
  #stable = 0;
  #executed = 0;
  #isFetching = false;
  /** Whether it has said that its epoch is over. */
  #isClosed = false;
  /** Whether entering an epoch has failed. */
  #hasFailed = false;

  constructor(watched: WatchedProcess, recovered: Recovered, onMoment: OnMoment) {
    this.#watched = watched;
    this.#recovered = recovered;
    this.#onMoment = onMoment;
  }

  restored({ checkpoint, stable, lostDisk }: StoredState): void {
    const { disk, life: { world: { epoch } } } = this.#watched;
    const start = epoch.start?.sequence ?? 0;
    this.#state = checkpoint?.sequence ?? 0;
    this.#executed = this.#state;
    this.#stable = Math.max(start, stable[0]?.message.sequence ?? 0);
    this.#isFetching = this.#isClosed = false;
    const hasRecovered = !disk.isLost || this.#recovered.get(disk) === disk.replaced;
    if (!hasRecovered && !lostDisk) {
      this.#report(`in epoch ${epoch.number} has forgotten that its disk was lost, and has not recovered`);
    }
  }

  stepped({ events, answers }: Ready): void {
    const { disk, life: { world: { coverage, epoch, checker: { lastOfEpoch } } } } = this.#watched;
    const wasOver = this.#executed >= lastOfEpoch;
    for (const event of events) {
      switch (event.kind) {
        case "recovered":
          this.#recovered.set(disk, disk.replaced);
          break;
        case "stage":
          if (event.stage === "executed") this.#executed = event.sequence;
          break;
        case "state-transfer":
          this.#isFetching = event.phase === "started";
          if (!this.#isFetching && event.sequence === lastOfEpoch) coverage.count("epochs", "the end is fetched");
          if (!this.#isFetching) this.#state = this.#executed = event.sequence;
          break;
        case "checkpoint-taken":
          this.#state = event.sequence;
          break;
        case "checkpoint-stable":
          this.#stable = event.sequence;
          break;
        case "configured":
          this.#onMoment(this.#watched.label);
          break;
        case "epoch-closed":
          this.#isClosed = true;
          if (this.#state !== event.sequence) {
            this.#report(`closes epoch ${epoch.number} at ${event.sequence}, and has the state at ${this.#state}`);
          }
          this.#onMoment(this.#watched.label);
          break;
      }
    }
    const hasEnd = this.#state === lastOfEpoch && this.#stable === lastOfEpoch && !this.#isFetching;
    if (hasEnd && !this.#isClosed) this.#report(`does not see that epoch ${epoch.number} is over at ${lastOfEpoch}`);
    // A quorum of the closed epoch would give an old state once the next one goes on.
    if (wasOver && answers.some(({ outcome }) => typeof outcome !== "string")) {
      this.#report(`answers a query in epoch ${epoch.number}, of which it has executed the last number`);
    }
  }

  hosted(kind: HostEvent["kind"]): void {
    this.#hasFailed ||= kind === "epoch-failed";
  }

  asks(): void {
    const { member, world: { epoch } } = this.#watched.life;
    const halted = member?.node?.status().halted;
    // Where following has failed, it is right to ask.
    if (!member || member.isMoving || this.#hasFailed || !halted?.startsWith("OtherEpochError")) return;
    this.#report(`stays in epoch ${epoch.number}, which its store has left, and asks others`);
  }

  #report(what: string): void {
    const { label, life: { world: { report } } } = this.#watched;
    report("epochs", `${label} ${what}`);
  }
}
