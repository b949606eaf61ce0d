/**
 * Drills of view changes (PBFT §4.4, §4.5.2).
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Batch, PreparedCertificate, Verified } from "../../core/messages/messages.ts";
import { ofKind } from "./copy.ts";
import { brokenNewViews, brokenProofs, brokenViewChanges } from "./byzantine/lies.ts";
import type { DrillContext } from "./context.ts";

/** Numbers for which several views have certificates, and the replicas that have each. */
interface Contest {
  readonly of: (replica: ReplicaId) => readonly PreparedCertificate[];
  readonly batches: readonly Verified<Batch>[];
}

/**
 * At up to three numbers two views disagree: some replicas have the certificate of one, some that of the other. One
 * number has none.
 */
function contest(context: DrillContext, view: number): Contest {
  const { peers, copy, random, next } = context;
  const claims = new Map<ReplicaId, PreparedCertificate[]>(copy.others.map((id) => [id, []]));
  const batches: Verified<Batch>[] = [];
  const numbers = Math.min(4, context.room);
  const gap = numbers > 1 ? random.int(0, numbers - 2) : -1;
  for (let i = 0; i < numbers; i++) {
    if (i === gap) continue;
    const high = random.int(Math.max(0, view - 3), view - 1);
    const two = [context.batch(), random.chance(0.2) ? peers.empty : context.batch()];
    batches.push(...two);
    const [later, earlier] = two.map((batch, k) => {
      return peers.certificate({ view: Math.max(0, high - k), sequence: next + i, digest: batch.digest });
    });
    for (const [k, own] of random.shuffled([...claims.values()]).entries()) {
      // Only one of them knows the later certificate.
      if (k === 0) own.push(later!);
      else if (high > 0 && random.chance(0.7)) own.push(earlier!);
    }
  }
  return { of: (replica) => claims.get(replica) ?? [], batches };
}

/** It is the next primary, and the view-changes that arrive disagree. The contents of its new-view must follow from them. */
export function startsAView(context: DrillContext): void {
  context.needs(context.isWhole && context.room > 0);
  const { copy, peers, random } = context;
  const view = context.viewAfter((primary) => primary === copy.self, context.latestView + random.int(1, 4));
  const { of } = contest(context, view);
  const right = context.viewChanges(view, of);
  const heard = copy.during(() => {
    for (const viewChange of random.shuffled(right)) {
      const { replica, prepared } = viewChange.message;
      const lies = brokenViewChanges(context, view, replica, prepared);
      for (const lie of random.shuffled(lies).slice(0, 3)) context.leaveFor([lie]);
      context.leaveFor([viewChange]);
      // A replica that is ahead has been in the earlier views. Its messages from there may come again.
      const former = random.int(copy.status.view, view) - 1;
      if (former > copy.status.view) context.leaveFor([peers.viewChange(former, replica, copy.stable, [])]);
    }
  });
  const said = ofKind(heard, "new-view").filter(({ signed }) => signed.message.view === view);
  context.demand("liveness", said.length > 0, () => {
    return `has a quorum of view-changes for ${view}, whose primary it is, and sends no new-view`;
  });
  const { lastExecuted } = copy.status;
  const isLacking = said.some(({ signed }) =>
    (signed.message.prePrepares.at(-1)?.message.sequence ?? 0) > lastExecuted
  );
  context.demand("liveness", !isLacking || ofKind(heard, "status").some(({ to }) => to === "all"), () => {
    return `starts view ${view} with numbers that it lacks, and does not show it: nobody may vote for them again`;
  });
}

/**
 * It is a backup, and many new-views arrive, of which one is valid. It enters the view with that, and votes for all that it orders: for
 * what it has executed once another backup does.
 */
export function entersAView(context: DrillContext): void {
  context.needs(context.isWhole && context.room > 0);
  const { copy, peers, random } = context;
  const before = copy.status.view;
  const view = context.viewAfter((primary) => primary !== copy.self, context.latestView + random.int(1, 5));
  const { of, batches } = contest(context, view);
  const viewChanges = random.shuffled(context.viewChanges(view, of)).slice(0, copy.quorum)
    .sort((a, b) => a.message.replica - b.message.replica);
  // Half of the time it has left already.
  if (random.chance(0.5)) context.leaveFor(viewChanges);
  for (const lie of random.shuffled(brokenNewViews(context, view, viewChanges))) {
    copy.take({ kind: "new-view", newView: peers.sign(lie) });
    if (copy.status.active && copy.status.view > before) return;
  }
  const newView = peers.newView(view, viewChanges);
  const backups = copy.others.filter((id) => id !== newView.replica);
  const heeded = backups.filter((id) => (copy.preparesKept.get(id) ?? -1) < view);
  const another = random.pick(heeded.length > 0 ? heeded : backups);
  const voteOfAnother = () => {
    for (const { message: { sequence, digest } } of newView.prePrepares) {
      if (copy.decided.has(sequence)) {
        copy.take({ kind: "prepare", prepare: peers.prepare({ view, sequence, digest }, another) });
      }
    }
  };
  // Its vote may overtake the new-view.
  const isEarly = random.chance(0.3);
  if (isEarly) voteOfAnother();
  const { statusIntervalMs } = context.world.settings;
  // Each peer that it asks may still be answering something. Then it asks later, for as long as it needs the body.
  const isFetching = (copy.buffers?.wantedBodies ?? 0) > 0;
  const entered = copy.during(() => {
    copy.take({ kind: "new-view", newView: peers.sign(newView) });
    // A peer that it would ask may still be answering an earlier fetch.
    copy.wait(copy.answersDueMs + 2 * statusIntervalMs);
  });
  if (!context.hasEntered(view)) return;
  const fetched = new Set(ofKind(entered, "fetch").flatMap(({ signed }) => signed.message.digests));
  const later = copy.during(() => {
    for (const { message: { digest } } of newView.prePrepares) {
      const batch = batches.find((one) => one.digest === digest);
      if (!batch || batch === peers.empty) continue;
      context.demand(
        "liveness",
        fetched.has(digest) || isFetching,
        () => `enters view ${view} and does not ask for a body that it lacks`,
      );
      copy.take(context.body(batch));
    }
    if (!isEarly) voteOfAnother();
  });
  const said = (kind: "prepare" | "commit") =>
    new Set([...ofKind(entered, kind), ...ofKind(later, kind)].map(({ signed }) => signed.message.sequence));
  const [prepared, committed] = [said("prepare"), said("commit")];
  for (const { message: { sequence } } of newView.prePrepares) {
    // It has learned meanwhile that the others have a stable checkpoint above, and fetches that.
    if (sequence <= copy.status.lowWatermark) continue;
    context.demand(
      "liveness",
      prepared.has(sequence),
      () => `enters view ${view} and does not prepare ${sequence} in it`,
    );
    const isSilent = copy.decided.has(sequence) && !committed.has(sequence);
    context.demand("liveness", !isSilent, () => {
      return `enters view ${view} and does not say commit for ${sequence}, which it has executed`;
    });
  }
}

/**
 * A later view has decided a number. Then it hears of the start of a view in which the number had another batch. The
 * decision stands.
 */
export function hearsLate(context: DrillContext): void {
  context.needs(context.quieten() && context.room > 0);
  const { copy, peers, random, next } = context;
  const view = context.viewAfter((primary) => primary !== copy.self);
  const [batch, other] = [context.batch(), context.batch()];
  const place = { view: view + random.int(1, 3), sequence: next, digest: batch.digest };
  copy.take(peers.decision(context.commits(place), copy.others[0]!));
  // One replica had the other batch prepared, and its view-change was in none of the later new-views.
  const prepared = peers.certificate({ view: view - 1, sequence: next, digest: other.digest });
  const viewChanges = context.viewChanges(view, (replica) => replica === copy.others[0] ? [prepared] : []);
  copy.take({ kind: "new-view", newView: peers.sign(peers.newView(view, viewChanges.slice(0, copy.quorum))) });
  for (const one of [other, batch]) copy.take(context.body(one));
  const { lastExecuted } = copy.status;
  context.demand("liveness", lastExecuted === next, () => {
    return `has a proof of what is decided at ${next}, and its body, and has executed up to ${lastExecuted}`;
  });
}

/**
 * Others leave, each for another view. Those that cannot prove that they may leave move no other replica. One that can
 * moves it along.
 */
export function followsOthers(context: DrillContext): void {
  const { copy, random, peers } = context;
  context.needs(context.isWhole && !copy.kept.has("view-change") && !copy.kept.has("suspicion"));
  const { view: before } = copy.status;
  const view = before + random.int(1, 6);
  for (const lie of random.shuffled(brokenProofs(context, view))) {
    const replica = random.pick(copy.others);
    const right = peers.viewChange(view, replica, copy.stable, context.decidedBefore(view)).message;
    context.leaveFor([peers.sign({ ...right, suspicions: lie })]);
    const { view: alone } = copy.status;
    context.demand("view-changes", alone === before, () => {
      return `follows from view ${before} to ${alone} one who does not show that it may leave`;
    });
  }
  const heard = copy.during(() => context.leaveFor(context.viewChanges(view).slice(0, 1)));
  const { view: now } = copy.status;
  context.demand(now > view ? "view-changes" : "liveness", now === view, () => {
    return `is in view ${now} when another one has left for ${view}, and shows that it may`;
  });
  const isSaid = ofKind(heard, "view-change").some(({ to, signed }) => to === "all" && signed.message.view === view);
  context.demand("liveness", isSaid, () => `leaves for view ${view} and does not say so`);
}

/** It leaves the view while a number is being agreed on. Whatever arrives of the view that it left, it sends nothing in it. */
export function leavesForGood(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(context.quieten() && context.room > 1 && context.becomeBackup());
  const { view } = copy.status;
  const batches = [context.batch(), context.batch()];
  const places = batches.map(({ digest }, i) => ({ view, sequence: context.next + i, digest }));
  context.propose(places[0]!, batches[0]!);
  const target = context.viewAfter((primary) => primary !== copy.self);
  context.leaveFor(random.shuffled(context.viewChanges(target)).slice(0, copy.f + 1));
  context.demand(
    "liveness",
    copy.status.view === target,
    () => `does not follow ${copy.f + 1} others to view ${target}`,
  );
  context.propose(places[1]!, batches[1]!);
  for (const place of places) {
    for (const id of copy.others) copy.take({ kind: "prepare", prepare: peers.prepare(place, id) });
  }
  const query = peers.query();
  const heard = copy.during(() => copy.take({ kind: "query", query }));
  context.demand("linearizability", heard.answers.every(({ outcome }) => typeof outcome === "string"), () => {
    return `answers a query while view ${target} has not started`;
  });
  // Messages of the view that it has entered since do not lead it back.
  const old = peers.newView(view, context.viewChanges(view).slice(0, copy.quorum));
  if (view > 0) copy.take({ kind: "new-view", newView: peers.sign(old) });
}

/** A view starts in which it does not take part yet. It is told, also by a replica that is in it. */
export function tellsNewView(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(!copy.status.recovering && ((copy.status.active && copy.status.view > 0) || context.moveOn()));
  const { view } = copy.status;
  const to = random.pick(copy.others);
  const heard = copy.during(() => {
    copy.take({ kind: "view-change", viewChange: peers.viewChange(view, to, copy.stable, []) });
    // A repeated view-change is answered no more. The status that follows each is.
    copy.take(peers.status(to, { view, phase: "leaving" }));
  });
  const isTold = ofKind(heard, "new-view").some((told) => told.to === to && told.signed.message.view === view);
  context.demand(
    "liveness",
    isTold,
    () => `does not tell replica ${to}, which leaves for view ${view}, that it has started`,
  );
}
