/**
 * A drill of execution (PBFT §4.1): a request that is ordered again, in whatever way, runs once.
 * @module
 */
import type { ClientRequest, Result } from "../../core/messages/messages.ts";
import type { DrillContext } from "./context.ts";

/** More sessions than a simulated cluster has room for. */
const FLOOD = 70;

/** The requests of one client are ordered again, with other operations, too late and too early. */
export function runsOnce(context: DrillContext): void {
  const { copy, peers, world: { genesis: { limits: { sessionWindow, maxSessions } } } } = context;
  context.needs(context.quieten() && context.room > 0 && context.becomeBackup());
  const order = (request: ReturnType<typeof peers.request>): Result | undefined => {
    if (context.room === 0) return undefined;
    const { replies } = context.order(context.batch([request]));
    return replies.find(({ reply }) => reply.request === request.digest)?.reply.results[0];
  };
  const opening = peers.request();
  const opened = order(opening);
  context.demand("liveness", opened !== undefined, () => `executes a request and does not tell its client`);
  context.needs(opened?.status === "ok");
  const session = opened!.sequence;
  const ask = (timestamp: number, more: Partial<ClientRequest> = {}) =>
    peers.request({
      session,
      timestamp,
      lowestUnanswered: 1,
      operations: [new Uint8Array([timestamp % 256])],
      ...more,
    });
  const isRun = (result: Result | undefined) => result !== undefined && result.status !== "refused";
  const [first, second] = [ask(1), ask(2)];
  const results = [order(first), order(second)];
  context.demand("service", results.every(isRun), () => `does not run what a client asks in its session`);
  for (const [i, request] of [first, second].entries()) {
    const again = order(request);
    context.demand("exactly-once", again === undefined || again.sequence === results[i]?.sequence, () => {
      return `runs a request at ${results[i]?.sequence} and again at ${again?.sequence}`;
    });
  }
  const refused = (
    what: string,
    request: ReturnType<typeof ask>,
    breaks: "exactly-once" | "bounds" = "exactly-once",
  ) => {
    const result = order(request);
    context.demand(breaks, !isRun(result), () => `runs ${what} at ${result?.sequence}: ${result?.status}`);
  };
  refused("another request under a timestamp that was used", ask(2, { operations: [new Uint8Array([9])] }));
  refused("what is beyond its session's window", ask(1 + sessionWindow), "bounds");
  refused("what belongs to a session that there is not", ask(1, { session: session + 1_000_000 }));
  const later = order(ask(3, { lowestUnanswered: 3 }));
  context.demand("service", later === undefined || isRun(later), () => `does not run what a client asks next`);
  if (later) refused("again what its client has acknowledged", first);
  const last = ask(4, { lowestUnanswered: 3 });
  const reopened = order(opening);
  context.demand("exactly-once", reopened === undefined || reopened.sequence === session, () => {
    return `opens a session twice, at ${session} and at ${reopened?.sequence}`;
  });
  // More clients want a session than there is room for. Sessions in use stay.
  copy.wait(10);
  context.order(context.batch(Array.from({ length: FLOOD }, () => peers.request())));
  const { sessions } = copy.status;
  context.demand("bounds", sessions <= maxSessions, () => `has ${sessions} sessions, the limit is ${maxSessions}`);
  if (context.room === 0) return;
  const { replies } = context.order(context.batch([last]));
  const atWork = replies[0]?.reply.results[0];
  context.demand("service", isRun(atWork), () => `has given a session that is at work to somebody else`);
}

/**
 * The table of sessions is full of idle ones, and a client wants another. The session that was used longest ago is
 * evicted (§4.1, bounded here).
 */
export function makesRoom(context: DrillContext): void {
  const { copy, peers, world: { genesis: { limits: { sessionIdleMs } } } } = context;
  context.needs(context.quieten() && context.becomeBackup() && context.room >= 4);
  // If its own clock was set back, the agreed time is ahead of it.
  copy.wait(Math.max(0, copy.status.agreedTime - copy.now) + sessionIdleMs + 1);
  const opening = peers.request();
  const client = peers.newcomer;
  const { replies } = context.order(context.batch([opening, ...Array.from({ length: FLOOD }, () => peers.request())]));
  const first = replies.find(({ reply }) => reply.request === opening.digest)?.reply.results[0];
  context.demand("service", first?.status === "ok", () => `opens no session, although all that there are are idle`);
  copy.wait(sessionIdleMs / 2);
  const ask = (timestamp: number) => {
    const request = peers.request({ session: first!.sequence, timestamp, operations: [new Uint8Array([1])] }, client);
    return context.order(context.batch([request])).replies[0]?.reply.results[0];
  };
  context.needs(ask(1) !== undefined);
  copy.wait(sessionIdleMs + 1);
  context.order(context.batch([peers.request()]));
  const again = ask(2);
  context.demand("service", again !== undefined && again.status !== "refused", () => {
    return `has given away a session that was used after all others`;
  });
}
