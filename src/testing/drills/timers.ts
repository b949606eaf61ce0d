/**
 * Drills of timers (PBFT §4.4, §4.5.2): when a replica must leave a view, and when it must not.
 * @module
 */
import { ofKind } from "./copy.ts";
import type { DrillContext } from "./context.ts";

/** The longest wait in a drill, in initial timeouts. */
const MOST_DOUBLED = 4;

/** All are silent while a request waits. It leaves the view, and each next one after twice as long. */
export function silence(context: DrillContext): void {
  const { copy, peers, random, world: { settings } } = context;
  context.needs(context.quieten() && copy.timeoutMs <= MOST_DOUBLED * settings.viewTimeoutMs && context.becomeBackup());
  let expected = copy.timeoutMs;
  let { view } = copy.status;
  let why = "while a request waits";
  // A single replica that leaves again and again is no reason to wait longer.
  const liar = !copy.kept.has("view-change") && random.chance(0.5) ? random.pick(copy.others) : null;
  let named = context.latestView + 10;
  context.request();
  for (let round = 0; round < 3; round++) {
    const waited = context.waitInCompany(3 * expected, () => {
      if (copy.status.view > view) return true;
      if (liar !== null && round > 0) context.leaveFor([peers.viewChangeAlone(++named, liar, copy.stable)]);
      return false;
    });
    const { view: now } = copy.status;
    context.demand("liveness", now > view, () => `stays in view ${view} for ${waited} ms of silence ${why}`);
    if (now === view) return;
    context.demand("view-changes", now === view + 1, () => `goes from view ${view} to ${now} ${why}`);
    // Later the timeout must grow, or on a slow network no view would last.
    context.demand(
      round === 0 ? "calm" : "liveness",
      waited > 0.85 * expected,
      () => `leaves view ${view} after ${waited} of ${expected} ms ${why}`,
    );
    context.demand("liveness", waited < 1.6 * expected, () => {
      return `leaves view ${view} after ${waited} instead of ${expected} ms ${why}`;
    });
    expected *= 2;
    view = now;
    why = "when a quorum has left and no new view comes";
    const heard = copy.during(() => context.leaveFor(random.shuffled(context.viewChanges(view))));
    if (copy.status.primary !== copy.self) continue;
    return context.demand("liveness", ofKind(heard, "new-view").length > 0, () => {
      return `has a quorum of view-changes for ${view}, whose primary it is, and sends no new-view`;
    });
  }
}

/** It suspects the primary, and no other does. It repeats that, and stays in the view. */
export function aloneInSuspicion(context: DrillContext): void {
  const { copy, world: { settings } } = context;
  context.needs(
    context.quieten() && copy.timeoutMs <= MOST_DOUBLED * settings.viewTimeoutMs && context.becomeBackup(),
  );
  context.needs(!copy.kept.has("suspicion"));
  const { view } = copy.status;
  const heard = copy.during(() => {
    context.request();
    copy.wait(Math.max(6 * copy.timeoutMs, 3 * settings.idleStatusMs));
  });
  const { view: now } = copy.status;
  context.demand("view-changes", now === view, () => `leaves view ${view} for ${now} alone`);
  const isPassedOn = heard.messages.some(({ message }) => message.message.kind === "request");
  context.demand("liveness", isPassedOn || copy.status.primary === copy.self, () => {
    return `waits for a request to be ordered, and never passes it on`;
  });
  const said = ofKind(heard, "suspicion").filter(({ to, signed }) => to === "all" && signed.message.view === view + 1);
  context.demand("liveness", said.length > 1 && ofKind(heard, "status").length > 1, () => {
    return `stays in view ${view} in silence while a request waits, and says ${said.length} times that it suspects the primary`;
  });
}

/** There is always a request that waits, and always one that is executed. The primary does its duty and stays. */
export function underLoad(context: DrillContext): void {
  const { copy, world: { settings: { viewTimeoutMs, slowPrimaryMs } } } = context;
  context.needs(context.quieten() && context.room > 0 && copy.timeoutMs <= viewTimeoutMs && context.becomeBackup());
  context.needs(1.5 * viewTimeoutMs < slowPrimaryMs);
  const { view } = copy.status;
  let waiting = context.request();
  for (let round = 0; round < 11 && context.room > 0; round++) {
    context.waitInCompany(0.6 * viewTimeoutMs);
    const next = context.request();
    if (copy.status.view === view) context.order(context.batch([waiting.request as never]));
    waiting = next;
    const { view: now } = copy.status;
    context.demand("calm", now === view, () => {
      return `leaves view ${view}, in which something is executed every ${0.6 * viewTimeoutMs} ms`;
    });
    if (now !== view) return;
  }
}

/** The primary orders everything but one request. It is deposed. */
export function starvation(context: DrillContext): void {
  const { copy, world: { settings: { viewTimeoutMs, slowPrimaryMs } } } = context;
  context.needs(
    context.quieten() && copy.timeoutMs <= MOST_DOUBLED * viewTimeoutMs && context.room > 0 && context.becomeBackup(),
  );
  const { view } = copy.status;
  context.request();
  let waited = 0;
  // Where rounds have taken long, a primary has twice as long as a round may take. That time is measured on while it
  // executes.
  while (copy.status.view === view && waited < Math.max(slowPrimaryMs, 2 * copy.timeoutMs) + 2 * viewTimeoutMs) {
    waited += context.waitInCompany(0.5 * viewTimeoutMs, () => copy.status.view > view);
    if (copy.status.view === view && context.room > 0) context.order(context.peers.empty);
  }
  const { view: now } = copy.status;
  context.demand("liveness", now > view, () => {
    return `stays in view ${view} whose primary has room for a request and starves it for ${waited} ms`;
  });
}

/** A proposal would have to wait for its time for longer than a primary may be slow. The primary is suspected at once. */
export function farAhead(context: DrillContext): void {
  const { copy, peers, world: { genesis: { limits: { maxClockSkewMs } }, settings: { slowPrimaryMs } } } = context;
  context.needs(context.quieten() && context.room > 0 && context.becomeBackup());
  const { view } = copy.status;
  // Its ceiling, if its credit is whole.
  const ceiling = Math.max(copy.now, copy.agreedTime) + maxClockSkewMs;
  const batch = peers.batch(Math.ceil(ceiling + slowPrimaryMs) + 20, [peers.request()]);
  context.propose({ view, sequence: context.next, digest: batch.digest }, batch);
  const { suspicion } = copy;
  context.demand("liveness", suspicion?.standing === "suspects" && suspicion.view === view + 1, () => {
    return `waits for the time of a proposal for more than ${slowPrimaryMs} ms, and does not suspect its primary`;
  });
}

/** With nothing to do no replica is suspected, and now and then it sends its status. */
export function idleness(context: DrillContext): void {
  const { copy, world: { settings: { viewTimeoutMs, idleStatusMs } } } = context;
  context.needs(context.quieten() && copy.status.active);
  const { next } = context;
  const { view } = copy.status;
  const heard = copy.during(() => context.waitInCompany(Math.max(2 * idleStatusMs, 5 * viewTimeoutMs)));
  const { view: now } = copy.status;
  context.demand("calm", now === view, () => `goes from view ${view} to ${now} with nothing to do`);
  const given = ofKind(heard, "pre-prepare").filter(({ signed }) => signed.message.sequence >= next).length;
  context.demand("calm", given === 0, () => `gives out ${given} numbers with nothing to order`);
  context.demand("liveness", ofKind(heard, "status").length > 0, () => `never says where it is`);
}
