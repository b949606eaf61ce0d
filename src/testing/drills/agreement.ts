/**
 * Drills of the normal case (PBFT §4.2): which votes count, and which do not.
 * @module
 */
import type { Input } from "../../core/io.ts";
import type { Place } from "./peers.ts";
import { type Heard, ofKind } from "./copy.ts";
import type { DrillContext } from "./context.ts";

/** A number is agreed on in the presence of Byzantine replicas. None of their votes counts, and every quorum counts. */
export function countsVotes(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(context.quieten() && context.room > 1 && context.becomeBackup());
  const { view, primary, lastExecuted } = copy.status;
  const batch = context.batch();
  const place = { view, sequence: context.next, digest: batch.digest };
  const query = peers.query();
  const wrong = [
    { ...place, digest: context.anyDigest() },
    { ...place, digest: peers.empty.digest },
    { ...place, view: view + 1 },
    { ...place, view: view + peers.n },
    { ...place, sequence: place.sequence + 1 },
  ];
  const prepare = (to: Place, by = primary): Input => ({ kind: "prepare", prepare: peers.prepare(to, by) });
  const commit = (to: Place, by = primary): Input => ({ kind: "commit", commit: peers.commit(to, by) });
  const backups = random.shuffled(copy.others.filter((id) => id !== primary));
  const honest = backups.slice(0, copy.quorum - 2);
  const liars = backups.slice(copy.quorum - 2);
  const lies = [prepare(place), ...liars.map((id) => prepare(random.pick(wrong), id))];
  const early = random.some(lies, 0.5);
  for (const lie of early) copy.take(lie);
  const accepted = context.propose(place, batch);
  context.demand("liveness", ofKind(accepted, "prepare").length === 1, () => {
    return `says nothing to the primary's pre-prepare of ${place.sequence} in view ${view}`;
  });
  for (const lie of lies.filter((lie) => !early.includes(lie))) copy.take(lie);
  // The primary also has another batch for it. Another replica proposes one too. And some are ahead of the view and of
  // the window.
  const other = context.batch();
  const others = [
    { prePrepare: peers.prePrepare({ ...place, digest: other.digest }) },
    { prePrepare: peers.prePrepare({ ...place, sequence: place.sequence + 1, digest: other.digest }, backups[0]!) },
    { prePrepare: peers.prePrepare({ ...place, view: view + 1, sequence: place.sequence + 1, digest: other.digest }) },
    { prePrepare: peers.prePrepare({ ...place, sequence: copy.status.highWatermark + 1, digest: other.digest }) },
    { prePrepare: peers.prePrepare({ ...place, sequence: copy.status.lowWatermark, digest: other.digest }) },
  ];
  for (const { prePrepare } of others) {
    // Nobody else has its key. A message that it signed and does not know of tells it that its store is an old copy.
    if (prePrepare.message.replica !== copy.self) copy.take({ kind: "pre-prepare", prePrepare, batch: other });
  }
  const heard = copy.during(() => {
    for (const id of honest) {
      copy.take(prepare(place, id));
      copy.take(prepare(place, id));
    }
  });
  context.demand("liveness", ofKind(heard, "commit").length > 0, () => {
    return `has ${place.sequence} prepared in view ${view}, and does not say commit`;
  });
  const answered = copy.during((asked) => {
    copy.take({ kind: "query", query });
    const committing = random.shuffled(copy.others);
    for (const id of committing.slice(copy.quorum - 1)) copy.take(commit(random.pick(wrong), id));
    for (const id of committing.slice(0, copy.quorum - 2)) {
      copy.take(commit(place, id));
      copy.take(commit(place, id));
    }
    context.demand("certificates", copy.status.lastExecuted === lastExecuted, () => {
      return `executes ${place.sequence} with the commits of ${copy.quorum - 1} replicas`;
    });
    context.demand("linearizability", asked.answers.length === 0, () => {
      return `answers a query before ${place.sequence}, which had prepared when it came, is executed`;
    });
    copy.take(commit(place, committing[copy.quorum - 2]));
  });
  context.demand("liveness", copy.status.lastExecuted === place.sequence, () => {
    return `has ${copy.quorum} commits for ${place.sequence}, and does not execute it`;
  });
  const isAnswered = answered.answers.some((answer) =>
    answer.query === query.digest && typeof answer.outcome !== "string"
  );
  context.demand("liveness", isAnswered, () => `does not answer a query although ${place.sequence} is executed`);
}

/** It receives proofs that a number is decided, one of which is valid. */
export function believesDecisions(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(context.quieten() && context.room > 1 && context.becomeBackup());
  const batch = context.batch();
  const hasBody = random.chance(0.5);
  const view = copy.status.view + random.int(0, 1);
  const place = { view, sequence: context.next, digest: batch.digest };
  if (hasBody) context.propose({ ...place, view: copy.status.view }, batch);
  const right = context.commits(place);
  const [first, ...rest] = right;
  const by = first!.message.replica;
  const wrong = [
    rest,
    right.slice(0, copy.f + 1),
    right.map(() => first!),
    [...rest, rest[0]!],
    [...rest, peers.commit({ ...place, digest: context.anyDigest() }, by)],
    [...rest, peers.commit({ ...place, view: view + 1 }, by)],
    [...rest, peers.commit({ ...place, sequence: place.sequence + 1 }, by)],
    [],
  ];
  const asked = new Set<number>();
  copy.during((fetches) => {
    for (const commits of random.shuffled(wrong)) copy.take(peers.decision(commits, random.pick(copy.others)));
    context.demand("certificates", ofKind(fetches, "fetch").length === 0, () => {
      return `asks for the body of ${place.sequence}, which is not decided`;
    });
    copy.take(peers.decision(right, random.pick(copy.others)));
    if (hasBody) return;
    const { statusIntervalMs, idleStatusMs } = context.world.settings;
    copy.wait(copy.n * statusIntervalMs + 2 * idleStatusMs, () => {
      for (const { to } of ofKind(fetches, "fetch")) asked.add(to as number);
      return asked.size === copy.others.length;
    });
  });
  if (!hasBody) {
    context.demand("liveness", asked.size === copy.others.length, () => {
      return `asks ${asked.size} of the others for a body that it lacks, and no more`;
    });
    copy.take(context.body(batch));
  }
  const { lastExecuted } = copy.status;
  context.demand("liveness", lastExecuted === place.sequence, () => {
    return `has the body of ${place.sequence} and a proof that it is decided, and has executed up to ${lastExecuted}`;
  });
}

/** As the primary it orders each request once; after a view change that lost it, once more. */
export function proposes(context: DrillContext): void {
  const { copy, peers, random } = context;
  context.needs(
    context.quieten() && context.room > 1 && context.becomePrimary() && context.isQuiet && context.room > 1,
  );
  const request = peers.request();
  const { view } = copy.status;
  const next = context.next;
  const input = { kind: "request", request } as const;
  const orders = (act: () => void) => {
    const { messages } = copy.during(act);
    return messages.filter(({ batch }) => batch?.requests.some(({ digest }) => digest === request.digest));
  };
  const first = orders(() => copy.take(input));
  const message = first[0]?.message.message;
  const isOrdered = message?.kind === "pre-prepare" && message.sequence === next && message.view === view;
  context.demand(
    "liveness",
    isOrdered,
    () => `is the primary of view ${view}, and does not order a request at ${next}`,
  );
  if (!isOrdered) return;
  context.demand(
    "exactly-once",
    orders(() => copy.take(input)).length === 0,
    () => `orders a request twice in view ${view}`,
  );
  if (random.chance(0.5)) {
    const again = context.viewAfter((primary) => primary === copy.self);
    const anew = orders(() => context.leaveFor(context.viewChanges(again)));
    return context.demand("liveness", anew.length > 0, () => {
      return `starts view ${again}, in which a request waits whose number was lost, and does not order it`;
    });
  }
  const place = { view, sequence: next, digest: message.digest };
  const voters = copy.others.slice(0, copy.quorum - 1);
  const { replies } = copy.during(() => {
    for (const id of voters) copy.take({ kind: "prepare", prepare: peers.prepare(place, id) });
    for (const id of voters) copy.take({ kind: "commit", commit: peers.commit(place, id) });
  });
  const isReply = ({ reply }: { readonly reply: { readonly request: string } }) => reply.request === request.digest;
  const reply = replies.find(isReply);
  context.demand("liveness", reply !== undefined, () => `has executed a request, and does not reply to it`);
  const late = copy.during(() => copy.take(input));
  const again = late.replies.find(isReply);
  context.demand(
    "liveness",
    again !== undefined,
    () => `does not reply when a request comes again that it has executed`,
  );
  const isSame = shown(reply?.reply.results) === shown(again?.reply.results);
  context.demand("exactly-once", isSame, () => `replies to a request in two ways`);
  context.demand(
    "exactly-once",
    ofKind(late, "pre-prepare").length === 0,
    () => `orders a request that it has executed`,
  );
}

/** It is the primary, and no checkpoint becomes stable. It fills its window, and goes on once a checkpoint is stable. */
export function fillsItsWindow(context: DrillContext): void {
  const { copy, peers, world: { genesis: { logWindow } } } = context;
  context.needs(context.quieten() && logWindow <= 32 && context.becomePrimary() && context.isQuiet);
  const { view, highWatermark } = copy.status;
  const voters = copy.others.slice(0, copy.quorum - 1);
  const orderOne = () => {
    const asked = copy.during(() => context.request());
    const proposal = ofKind(asked, "pre-prepare")[0]?.signed.message;
    if (!proposal) return false;
    for (const id of voters) copy.take({ kind: "prepare", prepare: peers.prepare(proposal, id) });
    for (const id of voters) copy.take({ kind: "commit", commit: peers.commit(proposal, id) });
    return copy.status.lastExecuted === proposal.sequence;
  };
  while (context.room > 0) if (!orderOne()) break;
  const { lastExecuted } = copy.status;
  context.demand("liveness", lastExecuted === highWatermark, () => {
    return `is the primary of view ${view}, its window ends at ${highWatermark}, and it stops at ${lastExecuted}`;
  });
  const beyond = orderOne();
  context.demand("watermarks", !beyond, () => `orders something beyond ${highWatermark}, where its window ends`);
  const after = copy.during(() => context.stabilize());
  context.demand("liveness", ofKind(after, "pre-prepare").length > 0, () => {
    return `has room again in its window, and does not order what waits`;
  });
}

/** A pre-prepare is ahead of its clock. It waits until its clock is close enough. */
export function awaitsItsTime(context: DrillContext): void {
  const { copy, peers, world: { genesis: { limits: { maxClockSkewMs } } } } = context;
  context.needs(context.quieten() && context.room > 0 && context.becomeBackup());
  // Its ceiling follows its clock, or the agreed time and its credit. At its start the credit was at most a fifth of
  // the clock's skew. Numbers that it has executed since may have used the credit up.
  const least = Math.max(copy.now + maxClockSkewMs, copy.agreedTime);
  const latest = Math.max(copy.now + maxClockSkewMs, copy.agreedTime + maxClockSkewMs / 5);
  const batch = peers.batch(Math.ceil(latest) + 300, [peers.request()]);
  const place = { view: copy.status.view, sequence: context.next, digest: batch.digest };
  const heard = context.propose(place, batch);
  context.demand("agreed-time", ofKind(heard, "prepare").length === 0, () => `prepares what is 300 ms too early`);
  const hasPrepared = (after: Heard) => ofKind(after, "prepare").length > 0;
  // From the least ceiling too it is there in time; 20 ms are for the drift of its estimate.
  const longest = batch.timestamp - least + 20;
  const later = copy.during((after) => copy.wait(longest, () => hasPrepared(after)));
  const isPrepared = hasPrepared(later) || copy.status.view > place.view;
  context.demand("liveness", isPrepared, () => `never prepares what was a little early`);
}

function shown(results: readonly { readonly value: Uint8Array }[] | undefined): string {
  return JSON.stringify(results?.map((result) => ({ ...result, value: [...result.value] })));
}
