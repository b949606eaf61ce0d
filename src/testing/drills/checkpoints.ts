/**
 * Drills of checkpoints, of sending others what they lack, and of fetching what oneself lacks (PBFT §4.3, §5.2, §5.3).
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { InvariantError } from "../../core/invariant.ts";
import type { Input } from "../../core/io.ts";
import type { StableCheckpoint, ViewChange } from "../../core/messages/messages.ts";
import { ofKind } from "./copy.ts";
import { brokenStables } from "./byzantine/lies.ts";
import type { DrillContext } from "./context.ts";

/** How long a primary that has just filled the log for a replica may let the same one wait, ms. */
const LOG_PATIENCE_MS = 30_000;

/** The others' checkpoints arrive, some of another state. A quorum of equal ones makes it stable, and nothing else does. */
export function countsCheckpoints(context: DrillContext): void {
  const { copy, peers, random, world: { genesis: { checkpointInterval: k } } } = context;
  context.needs(context.quieten() && !copy.kept.has("checkpoint") && context.becomeBackup());
  const { lowWatermark: low } = copy.status;
  while ((copy.taken?.sequence ?? 0) <= copy.status.lowWatermark) {
    const { lastExecuted } = copy.status;
    context.needs(context.room > 0 && lastExecuted + 1 < low + 2 * k);
    if ((lastExecuted + 1) % k !== 0) {
      context.order(peers.empty);
      if (copy.status.lastExecuted === lastExecuted) return;
      continue;
    }
    const place = { view: copy.status.view, sequence: lastExecuted + 1, digest: peers.empty.digest };
    context.propose(place, peers.empty);
    for (const commit of context.commits(place)) copy.take({ kind: "commit", commit });
    if (copy.status.lastExecuted === lastExecuted) return;
  }
  const { sequence, root } = copy.taken!;
  const say = (by: ReplicaId, digest = root, at = sequence) => {
    copy.take({ kind: "checkpoint", checkpoint: peers.checkpoint(at, digest, by) });
  };
  const others = random.shuffled(copy.others);
  const liars = others.slice(copy.quorum - 1);
  const resent = copy.during(() => copy.take(peers.status(others[0]!, { view: copy.status.view })));
  context.demand("liveness", ofKind(resent, "checkpoint").some(({ to }) => to === others[0]), () => {
    return `does not tell replica ${others[0]} again of its checkpoint at ${sequence}`;
  });
  const tooFew = () => {
    for (const id of liars) say(id, context.anyDigest());
    for (const id of others.slice(0, copy.quorum - 2)) {
      say(id);
      say(id);
      say(id, context.anyDigest());
    }
    for (const id of others) say(id, root, sequence + 1);
  };
  const isMisled = halts(tooFew) || copy.status.lowWatermark >= sequence;
  context.demand("certificates", !isMisled, () => {
    return `takes for stable what ${copy.quorum - 1} replicas have checkpointed at ${sequence}`;
  });
  if (isMisled) return;
  const last = others[copy.quorum - 2]!;
  say(last);
  const now = copy.status;
  context.demand("liveness", now.lowWatermark === sequence, () => {
    return `has ${copy.quorum} equal checkpoints at ${sequence}, its low watermark is ${now.lowWatermark}`;
  });
}

/** Whether it notices that its own state, which is right here, differs from a quorum's. */
function halts(act: () => void): boolean {
  try {
    act();
    return false;
  } catch (error) {
    if (error instanceof InvariantError) return true;
    throw error;
  }
}

/** Another replica says that it is far behind. It is sent everything that it lacks. */
export function answersStatus(context: DrillContext): void {
  const { copy, peers, random } = context;
  const { view, lowWatermark: low, lastExecuted, slots, recovering } = copy.status;
  // A checkpoint that it completes only now is sent to all.
  const { taken } = copy;
  const to = random.pick(copy.others);
  const heard = copy.during(() => copy.take(peers.status(to, {})));
  const told = (
    kind:
      | "stable-checkpoint"
      | "decision"
      | "checkpoint"
      | "new-view"
      | "view-change"
      | "suspicion"
      | "commit"
      | "prepare",
  ) => ofKind(heard, kind).filter((sent) => sent.to === to).map(({ signed }) => signed.message);
  context.demand("liveness", low === 0 || told("stable-checkpoint").length > 0, () => {
    return `does not tell replica ${to}, which is at 0, that ${low} is stable`;
  });
  const isTold = view === 0 || told("new-view").length + told("view-change").length + told("suspicion").length > 0;
  context.demand(
    "liveness",
    isTold || recovering,
    () => `does not tell replica ${to}, which is in view 0, of view ${view}`,
  );
  const decided = new Set(
    told("decision").map((message) => "commits" in message && message.commits[0]!.message.sequence),
  );
  for (let sequence = low + 1; sequence <= Math.min(lastExecuted, low + 32); sequence++) {
    context.demand("liveness", decided.has(sequence as never), () => {
      return `does not tell replica ${to}, which is at 0, what is decided at ${sequence}`;
    });
  }
  if (recovering) return;
  const said = new Set(told("commit").map((message) => "sequence" in message && message.sequence));
  for (const { sequence, stage } of slots) {
    if (stage !== "prepared" || said.has(sequence)) continue;
    context.demand("liveness", false, () => `does not tell replica ${to} its commit for ${sequence}`);
  }
  const isSaid = !taken || taken.sequence <= low || told("checkpoint").length > 0;
  context.demand("liveness", isSaid, () => `does not tell replica ${to} its checkpoint at ${taken?.sequence}`);
}

/** The log is idle, and a replica that lost its disk needs more numbers. Its primary fills the log. */
export function fillsTheLog(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(
    context.quieten() && context.room > 1 && context.becomePrimary() && context.isQuiet && context.room > 1,
  );
  const { highWatermark, view } = copy.status;
  const votesAbove = Math.min(highWatermark, context.next + 1) as never;
  const heard = copy.during(() => copy.take(peers.status(random.pick(copy.others), { view, votesAbove })));
  context.demand("liveness", ofKind(heard, "pre-prepare").length > 0, () => {
    return `is the primary of view ${view} and does not fill the log for one who votes above ${votesAbove}`;
  });
}

/** As a backup it hears the same. It passes that on to the primary, and leaves a primary that had time and did nothing. */
export function hasTheLogFilled(context: DrillContext): void {
  const { copy, peers, random, world: { settings } } = context;
  context.needs(context.quieten() && copy.timeoutMs <= settings.viewTimeoutMs && context.becomeBackup());
  context.needs(context.isQuiet && context.room > 1);
  const { highWatermark, view, primary } = copy.status;
  const asks = random.pick(copy.others.filter((id) => id !== primary));
  const votesAbove = Math.min(highWatermark, context.next + 1) as never;
  let waited = 0;
  const heard = copy.during(() => {
    copy.take(peers.status(asks, { view, votesAbove }));
    waited = context.waitInCompany(4 * LOG_PATIENCE_MS, () => copy.status.view > view);
  });
  const isPassedOn = ofKind(heard, "status").some(({ to, signed: { message } }) =>
    to === primary && message.replica === asks
  );
  context.demand(
    "liveness",
    isPassedOn,
    () => `does not tell replica ${primary} that replica ${asks} needs a longer log`,
  );
  context.demand("calm", waited > LOG_PATIENCE_MS, () => {
    return `leaves view ${view} after ${waited} ms, as the log is not filled for replica ${asks}`;
  });
  context.demand("liveness", copy.status.view === view + 1, () => {
    return `stays in view ${view} for ${waited} ms, whose primary does not fill the log for replica ${asks}`;
  });
}

/** A replica claims a bound above any window. No log is filled for that, and no primary is left. */
export function fillsNothingBeyond(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(context.quieten() && copy.status.active && context.isQuiet);
  const { highWatermark, view } = copy.status;
  const { next } = context;
  const votesAbove = highWatermark + random.int(1, 1_000) as never;
  const heard = copy.during(() => {
    copy.take(peers.status(random.pick(copy.others), { view, votesAbove }));
    context.waitInCompany(1.5 * LOG_PATIENCE_MS, () => copy.status.view > view);
  });
  // It may repeat its earlier proposals.
  const filled = ofKind(heard, "pre-prepare").some(({ signed }) => signed.message.sequence >= next);
  context.demand("calm", !filled, () => {
    return `fills the log for one who votes above ${votesAbove}, the high watermark is ${highWatermark}`;
  });
  context.demand("calm", copy.status.view === view, () => {
    return `leaves view ${view}, as the log is not filled up to ${votesAbove}, the high watermark is ${highWatermark}`;
  });
}

/** Proofs of stable checkpoints far ahead. With the valid one it fetches that state, from every peer if need be. */
export function fetchesState(context: DrillContext): void {
  const { copy, peers, random, world: { genesis: { checkpointInterval } } } = context;
  context.needs(context.quieten());
  const sequence = copy.status.highWatermark + checkpointInterval;
  const input = (checkpoints: ViewChange["stable"]): Input => ({
    kind: "stable-checkpoint",
    stable: peers.sign<StableCheckpoint>({ kind: "stable-checkpoint", replica: random.pick(copy.others), checkpoints }),
  });
  for (const broken of [[], ...brokenStables(context, sequence)]) {
    const heard = copy.during(() => copy.take(input(broken)));
    const starts = heard.events.some(({ kind }) => kind === "state-transfer");
    context.demand("certificates", !starts, () => `fetches a state at ${sequence} that no quorum has made stable`);
    if (starts) return;
  }
  const digest = context.anyDigest();
  const right = copy.others.slice(0, copy.quorum).map((id) => peers.checkpoint(sequence, digest, id));
  const asked = new Set<unknown>();
  copy.during((heard) => {
    copy.take(input(right));
    const first = ofKind(heard, "fetch")[0]?.to;
    if (typeof first === "number") copy.take({ kind: "blobs", from: first, blobs: [] });
    copy.wait(3_000 * copy.n, () => {
      for (const { to } of ofKind(heard, "fetch")) asked.add(to);
      return asked.size === copy.others.length;
    });
  });
  context.demand("liveness", copy.status.transferring, () => `does not fetch the state that is stable at ${sequence}`);
  context.demand("liveness", asked.size === copy.others.length, () => {
    return `asks ${asked.size} of the others for a state, and when they don't have it nobody else`;
  });
  const asking = copy.during(() => copy.take({ kind: "query", query: peers.query() }));
  context.demand("linearizability", asking.answers.every(({ outcome }) => typeof outcome === "string"), () => {
    return `answers a query while it fetches a state`;
  });
}
