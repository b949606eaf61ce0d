/**
 * Which operations a batch should have run: each once, of an open session, within the session's window (PBFT §4.1).
 * Batches are checked in the one order of all, against those before.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { Limits } from "../../core/config.ts";
import type { SequenceNumber } from "../../core/messages/ids.ts";
import type { Batch, ClientRequest } from "../../core/messages/messages.ts";
import type { Report } from "../violation.ts";
import type { Call } from "../world/observed_core.ts";

interface SessionUse {
  /** When an operation ran in it last, in agreed time. */
  usedAt: number;
  /** Whether it was opened, and not refused. */
  isOpen: boolean;
  /** The client holds all replies below this timestamp. */
  acknowledged: number;
}

/** The limits of sessions. */
export type SessionLimits = Pick<Limits, "sessionWindow" | "maxSessions" | "sessionIdleMs">;

/** A place in the order, and the agreed time there. */
export interface Moment {
  readonly sequence: SequenceNumber;
  readonly agreedTime: number;
}

/** The operations that have run so far. */
export class ExactlyOnce {
  readonly #report: Report;
  readonly #limits: SessionLimits;
  #agreedTime = 0;
  /** By client and timestamp: the number at which it ran. */
  readonly #ran = new Map<string, SequenceNumber>();
  readonly #sessions = new Map<string, SessionUse>();

  constructor(report: Report, limits: SessionLimits) {
    this.#report = report;
    this.#limits = limits;
  }

  /** A correct replica reports that a session was opened at this number. No session that is in use may have been evicted for it. */
  opened({ client }: ClientRequest, sequence: SequenceNumber): void {
    const use = this.#sessions.get(`${client}/${sequence}`);
    if (!use || use.isOpen) return;
    use.isOpen = true;
    const { maxSessions, sessionIdleMs } = this.#limits;
    const busy = [...this.#sessions.values()].filter(({ isOpen, usedAt }) => {
      return isOpen && usedAt + sessionIdleMs > this.#agreedTime;
    });
    if (busy.length <= maxSessions) return;
    this.#report(
      "service",
      `a session is opened at ${sequence} although ${busy.length - 1} are in use: one of them is gone`,
    );
  }

  /** The next batch in the order, and the calls that its execution made. */
  executed({ sequence, agreedTime }: Moment, { requests }: Batch, calls: readonly Call[]): void {
    this.#agreedTime = agreedTime;
    let next = 0;
    const wrong: string[] = [];
    /** Whether the operation is the next call. One that must not run, for this reason, is not: another one may have the same bytes. */
    const wasRun = (client: string, operation: Uint8Array, place: string, reason = this.#ranBefore(place)) => {
      if (reason !== null) wrong.push(`${place}, ${reason}`);
      const call = calls[next];
      if (reason !== null || call?.client !== client || !equalBytes(call.operation, operation)) return false;
      next++;
      return true;
    };
    for (const { message } of requests) {
      if (message.kind === "gateway-request") {
        for (const { name, timestamp, operation } of message.operations) {
          const place = `${name} timestamp ${timestamp}`;
          if (wasRun(`name:${name}`, operation, place)) this.#ran.set(place, sequence);
        }
        continue;
      }
      if (message.session === 0) {
        this.#sessions.set(`${message.client}/${sequence}`, { acknowledged: 1, usedAt: agreedTime, isOpen: false });
        continue;
      }
      const place = placeOf(message);
      const acknowledged = this.#acknowledged(message);
      const reason = this.#ranBefore(place) ?? acknowledged;
      let ran = false;
      for (const operation of message.operations) ran = wasRun(message.client, operation, place, reason) || ran;
      if (!ran) continue;
      this.#ran.set(place, sequence);
      this.#checkSession(message, { sequence, agreedTime });
    }
    if (next === calls.length) return;
    const which = `batch ${sequence} has run an operation of ${calls[next]!.client.slice(0, 13)} too many`;
    if (wrong.length > 0) this.#report("exactly-once", `${which}, perhaps of ${wrong.join(", or ")}`);
    else this.#report("validity", which);
  }

  /** When an operation last ran in the session of this request, or it was opened, in agreed time. */
  lastUse({ client, session }: ClientRequest): number {
    return this.#sessions.get(`${client}/${session}`)?.usedAt ?? -Infinity;
  }

  /** Why an operation must not run: it has run. */
  #ranBefore(place: string): string | null {
    const before = this.#ran.get(place);
    return before === undefined ? null : `which was run at ${before}`;
  }

  /** Notes what a request acknowledges. Why it must not run itself: its client holds the reply, or wants none any more. */
  #acknowledged({ client, session, timestamp, lowestUnanswered }: ClientRequest): string | null {
    const use = this.#sessions.get(`${client}/${session}`);
    if (!use) return null;
    use.acknowledged = Math.max(use.acknowledged, Math.min(lowestUnanswered, timestamp));
    return timestamp < use.acknowledged ? `and everything below ${use.acknowledged} was acknowledged` : null;
  }

  /** A request has run. */
  #checkSession(request: ClientRequest, { sequence, agreedTime }: Moment): void {
    const { client, session, timestamp } = request;
    const use = this.#sessions.get(`${client}/${session}`);
    const what = placeOf(request);
    if (!use) return this.#report("exactly-once", `${what} was run at ${sequence}: nobody had opened that session`);
    use.usedAt = agreedTime;
    if (timestamp >= use.acknowledged + this.#limits.sessionWindow) {
      this.#report("bounds", `${what} was run at ${sequence}, the window begins at ${use.acknowledged}`);
    }
  }
}

function placeOf({ client, session, timestamp }: ClientRequest): string {
  return `${client.slice(0, 8)} session ${session} timestamp ${timestamp}`;
}
