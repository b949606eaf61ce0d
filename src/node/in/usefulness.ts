/**
 * Whether a member's message was of use. Work on a useful message is not charged to the member that sent it: a primary
 * may bring as many batches as the cluster orders, however much CPU time they take. Everything else has a bound on its
 * CPU time (see source_queue.ts), so a member gains little by valid messages, repeated ones and new ones alike.
 *
 * Of use is only what the protocol limits by its own progress, so that nobody can make any number of such messages:
 *
 * - votes, pre-prepares and view-changes of about the present view, one for each sender, number and view;
 * - decisions and certificates that were not known, and blobs that were wanted;
 * - requests that wait from now on, and repetitions of waiting ones at the pace of a correct member.
 *
 * All else is of no use: other repetitions, messages of distant views or outside of the window (unless this replica is
 * behind), and what a member may send as often as it likes: statuses, fetches, suspicions, checkpoints. Correct members send
 * few of these.
 * @module
 */
import type { MessageInput, Ready } from "../../core/io.ts";
import type { View } from "../../core/messages/ids.ts";
import type { Core } from "../durable/task.ts";
import type { Timer } from "../ports.ts";
import { RelayedRequests } from "./relayed_requests.ts";
import type { FrameSource } from "./queues/source_queue.ts";

/** The core's facts after a step. */
export type AfterStep = Pick<Core, "view" | "isBehind">;

/** The same, and the facts about the sender. */
export interface Circumstances extends AfterStep {
  /** Whether its sender may repeat this request again, see {@linkcode RelayedRequests}. */
  readonly isDue?: () => boolean;
}

/** Tells which messages were of use to one node. */
export class Usefulness {
  readonly #core: () => AfterStep | null;
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #relayed = new RelayedRequests();

  /** `core`: the core as it is now; null while the replica is reloaded. */
  constructor({ core, timer }: { readonly core: () => AfterStep | null; readonly timer: Pick<Timer, "monotonic"> }) {
    this.#core = core;
    this.#timer = timer;
  }

  /** Whether a message that this source brought was of use. Only members' messages may be. */
  of(source: FrameSource | "clients" | undefined, input: MessageInput, ready: Ready): boolean {
    if (typeof source !== "number") return false;
    const { view, isBehind = false } = this.#core() ?? {};
    const isDue = () =>
      input.kind === "request" && this.#relayed.isDue(source, input.request.digest, this.#timer.monotonic());
    return wasOfUse(input, ready, { isDue, isBehind, ...(view !== undefined && { view }) });
  }
}

/** Whether a message was of use, by what the core did with it. */
export function wasOfUse(input: MessageInput, { events }: Pick<Ready, "events">, core: Circumstances): boolean {
  switch (input.kind) {
    case "status":
    case "suspicion":
    case "checkpoint":
      return false;
    case "request":
      return events.some((event) =>
        event.kind === "request-received" ||
        event.kind === "discarded" && event.reason === "duplicate" && core.isDue?.()
      );
    case "blobs": {
      const unwanted = events.filter((event) => event.kind === "discarded" && event.message === "blob").length;
      return unwanted < input.blobs.length;
    }
    case "pre-prepare":
      return isNear(input.prePrepare.message.view, core) && isTaken(input, events, core);
    case "prepare":
      return isNear(input.prepare.message.view, core) && isTaken(input, events, core);
    case "commit":
      return isNear(input.commit.message.view, core) && isTaken(input, events, core);
    case "view-change":
      return isNear(input.viewChange.message.view, core) && isTaken(input, events, core);
    default:
      return isTaken(input, events, core);
  }
}

/** During a view change the others may still be in the view before, or in the next one already. */
function isNear(view: View, core: AfterStep): boolean {
  return core.view === undefined || Math.abs(view - core.view) <= 1;
}

function isTaken({ kind }: MessageInput, events: Ready["events"], { isBehind }: AfterStep): boolean {
  const discarded = events.find((event) => event.kind === "discarded" && event.message === kind);
  if (discarded?.kind !== "discarded") return true;
  // A replica that is behind lacks what these are about. That is not their sender's fault.
  return discarded.reason === "outside-watermarks" && isBehind === true;
}
