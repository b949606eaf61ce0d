/**
 * A drill of execution (PBFT §4.1): whatever is ordered again, and however, runs once.
 * @module
 */
import type { Request, Result } from "../../core/messages/messages.ts";
import type { Scene } from "./scene.ts";

/** More than a simulated cluster has room for sessions. */
const FLOOD = 70;

/** One client's requests are ordered, again, with other operations, too late and too early. */
export function runsOnce(scene: Scene): void {
  const { copy, cast, world: { genesis: { limits: { sessionWindow, maxSessions } } } } = scene;
  scene.needs(scene.quieten() && scene.room > 0 && scene.becomeBackup());
  const order = (request: ReturnType<typeof cast.request>): Result | undefined => {
    if (scene.room === 0) return undefined;
    const { replies } = scene.order(scene.batch([request]));
    return replies.find(({ reply }) => reply.request === request.digest)?.reply.results[0];
  };
  const opening = cast.request();
  const opened = order(opening);
  scene.demand("liveness", opened !== undefined, () => `executes a request and does not tell its client`);
  scene.needs(opened?.status === "ok");
  const session = opened!.sequence;
  const ask = (timestamp: number, more: Partial<Request> = {}) =>
    cast.request({ session, timestamp, lowestUnanswered: 1, operations: [new Uint8Array([timestamp % 256])], ...more });
  const isRun = (result: Result | undefined) => result !== undefined && result.status !== "refused";
  const [first, second] = [ask(1), ask(2)];
  const results = [order(first), order(second)];
  scene.demand("service", results.every(isRun), () => `does not run what a client asks in its session`);
  for (const [i, request] of [first, second].entries()) {
    const again = order(request);
    scene.demand("exactly-once", again === undefined || again.sequence === results[i]?.sequence, () => {
      return `runs a request at ${results[i]?.sequence} and again at ${again?.sequence}`;
    });
  }
  const refused = (
    what: string,
    request: ReturnType<typeof ask>,
    breaks: "exactly-once" | "bounds" = "exactly-once",
  ) => {
    const result = order(request);
    scene.demand(breaks, !isRun(result), () => `runs ${what} at ${result?.sequence}: ${result?.status}`);
  };
  refused("another request under a timestamp that was used", ask(2, { operations: [new Uint8Array([9])] }));
  refused("what is beyond its session's window", ask(1 + sessionWindow), "bounds");
  refused("what belongs to a session that there is not", ask(1, { session: session + 1_000_000 }));
  const later = order(ask(3, { lowestUnanswered: 3 }));
  scene.demand("service", later === undefined || isRun(later), () => `does not run what a client asks next`);
  if (later) refused("again what its client has acknowledged", first);
  const last = ask(4, { lowestUnanswered: 3 });
  const reopened = order(opening);
  scene.demand("exactly-once", reopened === undefined || reopened.sequence === session, () => {
    return `opens a session twice, at ${session} and at ${reopened?.sequence}`;
  });
  // So many want a session that there is not room for all: those at work keep theirs.
  copy.wait(10);
  scene.order(scene.batch(Array.from({ length: FLOOD }, () => cast.request())));
  const { sessions } = copy.status;
  scene.demand("bounds", sessions <= maxSessions, () => `has ${sessions} sessions, the limit is ${maxSessions}`);
  if (scene.room === 0) return;
  const { replies } = scene.order(scene.batch([last]));
  const atWork = replies[0]?.reply.results[0];
  scene.demand("service", isRun(atWork), () => `has given a session that is at work to somebody else`);
}

/** The table of sessions is full of idle ones, and somebody wants another: the one gives way that was used longest ago (§4.1, bounded here). */
export function makesRoom(scene: Scene): void {
  const { copy, cast, world: { genesis: { limits: { sessionIdleMs } } } } = scene;
  scene.needs(scene.quieten() && scene.becomeBackup() && scene.room >= 4);
  // Where its own clock was set back, the service's time is ahead of it.
  copy.wait(Math.max(0, copy.status.agreedTime - copy.now) + sessionIdleMs + 1);
  const opening = cast.request();
  const client = cast.newcomer;
  const { replies } = scene.order(scene.batch([opening, ...Array.from({ length: FLOOD }, () => cast.request())]));
  const first = replies.find(({ reply }) => reply.request === opening.digest)?.reply.results[0];
  scene.demand("service", first?.status === "ok", () => `opens no session, although all that there are are idle`);
  copy.wait(sessionIdleMs / 2);
  const ask = (timestamp: number) => {
    const request = cast.request({ session: first!.sequence, timestamp, operations: [new Uint8Array([1])] }, client);
    return scene.order(scene.batch([request])).replies[0]?.reply.results[0];
  };
  scene.needs(ask(1) !== undefined);
  copy.wait(sessionIdleMs + 1);
  scene.order(scene.batch([cast.request()]));
  const again = ask(2);
  scene.demand("service", again !== undefined && again.status !== "refused", () => {
    return `has given away a session that was used after all others`;
  });
}
