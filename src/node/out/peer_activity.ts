/**
 * Tracks which members are in reach, and the view of each. The protocol does not use it. It shows whether this replica
 * can take part at all.
 * @module
 */
import type { ReplicaId, View } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type { Timer } from "../ports.ts";

/** Options of {@linkcode PeerActivity}. */
export interface PeerActivityOptions {
  readonly timer: Pick<Timer, "monotonic">;
  /** Interval of the status messages of an idle member, ms. */
  readonly idleStatusMs: number;
}

/** A member is out of reach after it has missed this many of its status messages. */
const MISSED_STATUSES = 3;

interface Contact {
  /** When it last sent or accepted something, on the monotonic clock. */
  at: number;
  /** The highest view seen in its messages. */
  view: View | null;
  /** Whether the last delivery to it failed. */
  failed: boolean;
}

/** The activity of the other members. */
export class PeerActivity {
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #windowMs: number;
  readonly #contacts = new Map<ReplicaId, Contact>();

  constructor({ timer, idleStatusMs }: PeerActivityOptions) {
    this.#timer = timer;
    this.#windowMs = MISSED_STATUSES * idleStatusMs;
  }

  /**
   * Records a verified message of a member. It may be an old message that somebody replays, so a lower view never
   * replaces a higher one.
   */
  heard(peer: ReplicaId, input: MessageInput | null): void {
    const contact = this.#contact(peer);
    contact.at = this.#timer.monotonic();
    const view = input && viewOf(input);
    if (view !== null && view > (contact.view ?? -1)) contact.view = view;
  }

  /** Records whether a delivery to the member succeeded. */
  delivered(peer: ReplicaId, isTaken: boolean): void {
    const contact = this.#contact(peer);
    if (isTaken) contact.at = this.#timer.monotonic();
    contact.failed = !isTaken;
  }

  /** The members in reach that are in `view` as far as is known, ascending. */
  inView(view: View): readonly ReplicaId[] {
    const since = this.#timer.monotonic() - this.#windowMs;
    return [...this.#contacts]
      .filter(([, contact]) => !contact.failed && contact.at >= since && (contact.view ?? view) === view)
      .map(([peer]) => peer)
      .sort((a, b) => a - b);
  }

  #contact(peer: ReplicaId): Contact {
    let contact = this.#contacts.get(peer);
    if (!contact) this.#contacts.set(peer, contact = { at: -Infinity, view: null, failed: false });
    return contact;
  }
}

/** The view of a message's sender, if the message shows it. */
function viewOf(input: MessageInput): View | null {
  switch (input.kind) {
    case "prepare":
      return input.prepare.message.view;
    case "commit":
      return input.commit.message.view;
    case "status":
      return input.status.message.view;
    case "view-change":
      return input.viewChange.message.view;
    case "new-view":
      return input.newView.message.view;
    default:
      return null;
  }
}
