/**
 * Which members a replica is in touch with now, and in which view each of them is. It decides nothing of the protocol; it tells whether
 * this replica can take part at all.
 * @module
 */
import type { ReplicaId, View } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type { Timer } from "../ports.ts";

/** What it needs. */
export interface ReachOptions {
  readonly timer: Pick<Timer, "monotonic">;
  /** An idle member says how it is this often, ms. */
  readonly idleStatusMs: number;
}

/** A member that misses so many of its status messages is out of reach. */
const MISSED_STATUSES = 3;

interface Contact {
  /** When it last sent something, or took something; on the monotonic clock. */
  at: number;
  /** The highest view that it was seen in. */
  view: View | null;
  /** Whether it has not taken what was sent to it last. */
  failed: boolean;
}

/** The contacts with the other members. */
export class Reach {
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #windowMs: number;
  readonly #contacts = new Map<ReplicaId, Contact>();

  constructor({ timer, idleStatusMs }: ReachOptions) {
    this.#timer = timer;
    this.#windowMs = MISSED_STATUSES * idleStatusMs;
  }

  /** A member has sent this; its signature was checked. It may be old, and sent again by anybody: so no view follows a higher one. */
  heard(peer: ReplicaId, input: MessageInput | null): void {
    const contact = this.#contact(peer);
    contact.at = this.#timer.monotonic();
    const view = input && viewOf(input);
    if (view !== null && view > (contact.view ?? -1)) contact.view = view;
  }

  /** A member has taken what was sent to it, or has not. */
  delivered(peer: ReplicaId, isTaken: boolean): void {
    const contact = this.#contact(peer);
    if (isTaken) contact.at = this.#timer.monotonic();
    contact.failed = !isTaken;
  }

  /** The members in touch, ascending, that are in `view` as far as is known. */
  in(view: View): readonly ReplicaId[] {
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

/** The view that the sender of a message is in, if the message says it. */
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
