/**
 * The open sessions of signed clients.
 * @module
 */
import type { ClientId, Millis } from "../messages/ids.ts";
import type { StoredReply } from "./stored_replies.ts";

/** A session. */
export interface Session {
  readonly client: ClientId;
  readonly id: number;
  readonly nonce: number;
  /** The client holds the replies to all timestamps below this one; they are no longer stored. */
  lowestUnanswered: number;
  lastUsed: Millis;
  /** Stored replies by timestamp, within [lowestUnanswered, lowestUnanswered + window). */
  readonly replies: Map<number, StoredReply>;
}

/**
 * Sessions by {@linkcode keyOf}, and by the request that opened them: a thousand opening requests may wait, and each is looked up whenever a
 * batch was executed.
 */
export class Sessions extends Map<string, Session> {
  readonly #byOpening = new Map<string, Session>();

  override set(key: string, session: Session): this {
    this.#byOpening.set(openingOf(session.client, session.nonce), session);
    return super.set(key, session);
  }

  override delete(key: string): boolean {
    const session = this.get(key);
    if (!session) return false;
    const opening = openingOf(session.client, session.nonce);
    if (this.#byOpening.get(opening)?.id === session.id) this.#byOpening.delete(opening);
    return super.delete(key);
  }

  /** The session that a client has opened with this nonce; `null` if there is none. */
  openedBy(client: ClientId, nonce: number): Session | null {
    return this.#byOpening.get(openingOf(client, nonce)) ?? null;
  }
}

/** The key of a session. */
export function keyOf({ client, id }: Session): string {
  return sessionKey(client, id);
}

/** The key of a client's session with this id. */
export function sessionKey(client: ClientId, id: number): string {
  return `${client}/${id}`;
}

function openingOf(client: ClientId, nonce: number): string {
  return `${client}/${nonce}`;
}
