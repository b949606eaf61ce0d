/**
 * Schemes about views: certificates kept secret and shown when they do harm, a view started in two ways, correct
 * primaries deposed.
 * @module
 */
import type { ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type {
  NewView,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  Signed,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import { primaryOf } from "../../core/messages/quorum.ts";
import type { Plot } from "./plot.ts";
import type { Scheme } from "./scheme.ts";

/** Most places for which it is kept whether they are private. */
const MOST_PLACES = 2_000;

/**
 * In some places the members withhold their prepares, so that no other replica has the certificate that these and the
 * others' prepares make. From then on the members show it in their view-changes: always, sometimes, or only if the next
 * primary is no member. Of several certificates for one number they keep the first or the last.
 */
export function privateCertificates(plot: Plot): Scheme {
  const { random, members } = plot;
  const part = random.pick([0.3, 1, 1]);
  const keepsFirst = random.chance(0.5);
  const isPrivate = new Map<string, boolean>();
  const decide = ({ view, sequence }: PrePrepare | Prepare): boolean => {
    const place = `${view}/${sequence}`;
    let known = isPrivate.get(place);
    if (known === undefined) {
      isPrivate.set(place, known = random.chance(part));
      if (isPrivate.size > MOST_PLACES) isPrivate.delete(isPrivate.keys().next().value!);
    }
    return known;
  };
  return {
    says: ({ content: { signed: { message } } }) => {
      if (!plot.isOwn(message)) return null;
      if (message.kind === "prepare" || message.kind === "commit") {
        if (!decide(message as Prepare)) return null;
        plot.note(`private-certificates: no ${message.kind}`);
        return [];
      }
      if (message.kind !== "view-change" || !plot.isShownIn(message.view)) return null;
      const prepared = withSecrets(plot, message);
      if (prepared === message.prepared) return null;
      plot.note("private-certificates: shown");
      return [{ frame: plot.frame({ ...message, prepared }) }];
    },
    // Otherwise their cores would mention it.
    lets: ({ signed: { message } }) => message.kind !== "prepare" || !decide(message),
    hears: ({ signed: { message } }) => {
      if (message.kind !== "prepare" || !decide(message)) return;
      for (const { prePrepare, prepares } of plot.knowledge.proposals) {
        const { view, sequence, digest } = prePrepare.message;
        if (sequence !== message.sequence || view !== message.view || digest !== message.digest) continue;
        const own = members.filter((id) => id !== primaryOf(view, plot.world.genesis.replicas.length));
        const all = new Map(prepares);
        for (const replica of own) {
          all.set(replica, plot.sign<Prepare>({ kind: "prepare", replica, view, sequence, digest }));
        }
        if (all.size < plot.quorum - 1 || (keepsFirst && plot.secrets.has(sequence))) continue;
        const sorted = [...all.values()].sort((a, b) => a.message.replica - b.message.replica);
        if (!plot.secrets.has(sequence)) plot.note("private-certificates: made");
        plot.secrets.set(sequence, { prePrepare, prepares: sorted.slice(0, plot.quorum - 1) });
      }
    },
    ticks: () => {
      for (const sequence of plot.secrets.keys()) if (sequence <= plot.knowledge.low) plot.secrets.delete(sequence);
    },
  };
}

/** P of a view-change with the secret certificates in it, where it has room for them; P itself if there are none. */
function withSecrets(plot: Plot, { view, stable, prepared }: ViewChange): readonly PreparedCertificate[] {
  const low = stable[0]?.message.sequence ?? 0;
  const { logWindow } = plot.world.genesis;
  const fitting = [...plot.secrets].filter(([sequence, { prePrepare }]) =>
    sequence > low && sequence <= low + logWindow && prePrepare.message.view < view
  );
  if (fitting.length === 0) return prepared;
  const all = new Map(prepared.map((one) => [one.prePrepare.message.sequence as number, one]));
  for (const [sequence, certificate] of fitting) all.set(sequence, certificate);
  return [...all].sort(([a], [b]) => a - b).map(([, certificate]) => certificate);
}

/** Members start a view in two ways, each of which follows from a quorum of view-changes. */
export function twoNewViews(plot: Plot): Scheme {
  const others = new Map<View, Uint8Array | null>();
  return {
    says: ({ to, content: { signed: { message } } }) => {
      if (message.kind !== "new-view" || !plot.isOwn(message) || !plot.side.has(to)) return null;
      let other = others.get(message.view);
      if (other === undefined) others.set(message.view, other = otherNewView(plot, message));
      if (!other) return null;
      plot.note("two-new-views");
      return [{ frame: other }];
    },
  };
}

function otherNewView(plot: Plot, { replica, view, viewChanges, prePrepares }: NewView): Uint8Array | null {
  const known = new Map(plot.knowledge.viewChanges(view).map((one) => [one.message.replica, one]));
  for (const one of viewChanges) if (!known.has(one.message.replica)) known.set(one.message.replica, one);
  // View-changes that are not in the first quorum come first. The members' own are made to differ.
  const first = new Set(viewChanges.map(({ message }) => message.replica));
  const chosen = [...known.values()]
    .filter(({ message }) => !plot.members.includes(message.replica))
    .sort((a, b) => Number(first.has(a.message.replica)) - Number(first.has(b.message.replica)));
  const own = plot.members.map((member) => ownViewChange(plot, member, view, plot.random.chance(0.5)));
  const all = [...own, ...chosen].slice(0, plot.quorum).sort((a, b) => a.message.replica - b.message.replica);
  if (all.length < plot.quorum) return null;
  const ordered = succession(plot, { replica, view, viewChanges: all });
  for (const [i, { message }] of ordered.entries()) {
    if (prePrepares[i]?.message.digest === message.digest) continue;
    const { sequence, digest } = message;
    const body = plot.knowledge.bodies.get(digest) ??
      (digest === plot.nullBatch.digest ? plot.nullBatch.body : undefined);
    plot.stories.set(`${view}/${sequence}`, body ? { digest, body } : { digest });
  }
  return plot.frame({ kind: "new-view", replica, view, viewChanges: all, prePrepares: ordered });
}

/** A member's view-change that the coalition makes itself. */
function ownViewChange(plot: Plot, replica: ReplicaId, view: View, isShowing: boolean): Signed<ViewChange> {
  const { stable } = plot.knowledge;
  const suspicions = proofOfLeaving(plot, view);
  const plain: ViewChange = { kind: "view-change", replica, view, stable, prepared: [], suspicions };
  return plot.sign<ViewChange>(isShowing ? { ...plain, prepared: withSecrets(plot, plain) } : plain);
}

/** The members' own suspicions, close to those of others. They need these to justify leaving. */
function proofOfLeaving(plot: Plot, view: View): readonly Signed<Suspicion>[] {
  const said = plot.knowledge.suspicions(view).filter(({ message }) => {
    return message.standing !== "withdrawn" && !plot.members.includes(message.replica);
  });
  const executed = said[0]?.message.executed ?? plot.knowledge.low;
  const own = plot.members.map((replica) =>
    plot.sign<Suspicion>({ kind: "suspicion", replica, view, executed, number: view, standing: "suspects" })
  );
  return [...own, ...said].sort((a, b) => a.message.replica - b.message.replica);
}

/** O as in §4.4. */
function succession(
  plot: Plot,
  { replica, view, viewChanges }: Pick<NewView, "replica" | "view" | "viewChanges">,
): readonly Signed<PrePrepare>[] {
  const low = Math.max(0, ...viewChanges.map(({ message }) => message.stable[0]?.message.sequence ?? 0));
  const best = new Map<number, PrePrepare>();
  for (const { message } of viewChanges) {
    for (const { prePrepare: { message: prepared } } of message.prepared) {
      const known = best.get(prepared.sequence);
      if (!known || prepared.view > known.view) best.set(prepared.sequence, prepared);
    }
  }
  const high = Math.max(low, ...best.keys());
  return Array.from({ length: high - low }, (_, i) => {
    const sequence = low + 1 + i as SequenceNumber;
    const digest = best.get(sequence)?.digest ?? plot.nullBatch.digest;
    return plot.sign<PrePrepare>({ kind: "pre-prepare", replica, view, sequence, digest });
  });
}

/** Members lead at most so many views beyond the one in which the others work. */
const AHEAD = 1;

/** As soon as one correct replica leaves a view all members do. With secrets to show, or now and then, they leave alone. */
export function deposing(plot: Plot): Scheme {
  const left = new Set<View>();
  const alone = plot.random.pick([0, 0.02]);
  const leave = (view: View) => {
    if (left.has(view) || view > plot.knowledge.view + AHEAD + plot.world.genesis.replicas.length) return;
    left.add(view);
    plot.note("deposing");
    for (const member of plot.members) {
      const frame = plot.frame(ownViewChange(plot, member, view, plot.isShownIn(view)).message);
      for (const to of plot.victims) plot.send(member, to, [frame]);
    }
  };
  return {
    hears: ({ signed: { message } }) => {
      if (message.kind === "suspicion" && message.standing === "suspects" && !plot.members.includes(message.replica)) {
        return leave(message.view);
      }
      if (message.kind === "view-change" && !plot.members.includes(message.replica)) leave(message.view);
      // Whichever comes first is in V of the next new-view.
      if (message.kind === "new-view" && plot.secrets.size > 0) leave(message.view + 1 as View);
    },
    ticks: () => {
      if (plot.random.chance(alone)) leave(plot.knowledge.view + AHEAD as View);
    },
  };
}

/** How often a member that is primary hands over, in ticks: sooner than it would be suspected. */
const HAND_OVER_TICKS = [1, 1, 3];

/**
 * Members that are primaries order nothing, or leave some requests out, and hand over to each other, or to themselves,
 * before anybody suspects them. The others say that they were left behind in a view of a member. Sometimes they ask one
 * replica after the other, and the rest only once that one agrees. Sometimes they say everything many times, each time with a higher number.
 */
export function handingOver(plot: Plot): Scheme {
  const { members, random, world: { genesis: { replicas: { length: n } }, checker: { executions } } } = plot;
  const every = random.pick(HAND_OVER_TICKS);
  const isSilent = random.chance(0.7);
  const isOneByOne = random.chance(0.4);
  const times = random.pick([1, 1, 40]);
  let [ticks, number] = [0, 1_000];
  const say = (replica: ReplicaId, view: View, standing: Suspicion["standing"], victims = plot.victims) => {
    const executed = executions.highest;
    const frames = Array.from({ length: times }, () => {
      return plot.frame({ kind: "suspicion", replica, view, executed, number: ++number, standing });
    });
    for (const to of victims) plot.send(replica, to, frames);
  };
  return {
    says: ({ content: { signed: { message } } }) => {
      if (!isSilent || message.kind !== "pre-prepare" || !plot.isOwn(message)) return null;
      plot.note("handing-over: proposes nothing");
      return [];
    },
    hears: ({ signed: { message } }) => {
      if (!isOneByOne || message.kind !== "suspicion" || message.standing !== "agrees") return;
      const { replica, view } = message;
      if (members.includes(replica) || !members.includes(primaryOf(view, n)) || view <= plot.knowledge.view) return;
      plot.note("handing-over: as the second to ask");
      for (const member of members) say(member, view, "agrees", plot.victims.filter((other) => other !== replica));
    },
    ticks: () => {
      if (++ticks % every !== 0) return;
      const { view } = plot.knowledge;
      const asked = isOneByOne ? [plot.victims[ticks / every % plot.victims.length]!] : plot.victims;
      const ahead = Array.from({ length: n }, (_, i) => view + 1 + i as View);
      const next = random.pick(ahead.filter((one) => members.includes(primaryOf(one, n))));
      for (const member of members) {
        const isPrimary = primaryOf(view, n) === member;
        // Whoever suspects the primary of a view is in it.
        if (!isPrimary) say(member, next + 1 as View, "suspects", asked);
        say(member, next, "agrees", asked);
        plot.note(`handing-over: as ${isPrimary ? "the primary" : "one that was left behind"}`);
      }
    },
  };
}
