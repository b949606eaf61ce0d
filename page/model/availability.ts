/** Whether a quorum takes part, as events come and go. */
import type { Entry } from "./event.ts";
import type { ClusterView } from "./replica_view.ts";
import type { Line } from "./words.ts";

/** What is known of a replica. A liar takes part. */
interface Part {
  isRunning: boolean;
  isReached: boolean;
  isWell: boolean;
}

/** Follows events in order, and has a line for the moment at which a quorum is lost, or is back. */
export class Availability {
  readonly #parts: readonly Part[];
  readonly #quorum: number;
  #hasQuorum: boolean;

  private constructor(parts: readonly Part[], quorum: number) {
    this.#parts = parts;
    this.#quorum = quorum;
    this.#hasQuorum = this.#up() >= quorum;
  }

  /** `view`: the cluster before the first event. */
  static of({ facts: { quorum }, replicas }: ClusterView): Availability {
    const parts = replicas.map(({ process, unreachable, halted, recovering }) => ({
      isRunning: process === "running" || process === "lying",
      isReached: unreachable === null,
      isWell: halted === null && !recovering,
    }));
    return new Availability(parts, quorum);
  }

  /** One that goes on from here by itself. */
  copy(): Availability {
    return new Availability(this.#parts.map((part) => ({ ...part })), this.#quorum);
  }

  /** The line after this event; `null`: it changes nothing. */
  note({ event, replica, n }: Entry): Line | null {
    const part = this.#parts[replica];
    if (!part) return null;
    switch (event.kind) {
      case "state":
        part.isRunning = event.state === "running" || event.state === "lying";
        break;
      case "unreachable":
        part.isReached = false;
        break;
      case "snapshot":
        part.isReached = true;
        part.isWell = event.halted === null && !event.recovering;
        break;
      case "recovered":
      case "old-copy":
        part.isReached = true;
        part.isWell = event.kind === "recovered";
        break;
      default:
        if (part.isReached) return null;
        part.isReached = true;
    }
    const up = this.#up();
    const hasQuorum = up >= this.#quorum;
    if (hasQuorum === this.#hasQuorum) return null;
    this.#hasQuorum = hasQuorum;
    const count = `${up} of ${this.#parts.length} take part`;
    const text = hasQuorum
      ? `a quorum is back: ${count}`
      : `no quorum is left: ${count}, ${this.#quorum} are needed; nothing is decided until more are back`;
    return { key: `quorum ${n}`, text: () => text, isAlarm: !hasQuorum };
  }

  #up(): number {
    return this.#parts.filter((part) => part.isRunning && part.isReached && part.isWell).length;
  }
}
