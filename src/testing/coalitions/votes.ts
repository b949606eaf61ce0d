/**
 * Schemes about the time of a vote.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Plot } from "./plot.ts";
import type { Scheme } from "./scheme.ts";

/** The most commits that are withheld. */
const MOST_KEPT = 200;

/** Members withhold their commits until a correct replica has committed, and then send them to one or two of the others. */
export function lateVotes(plot: Plot): Scheme {
  const kept = new Map<string, { readonly member: ReplicaId; readonly frame: Uint8Array }[]>();
  return {
    says: ({ member, to, frame, content: { signed: { message } } }) => {
      if (message.kind !== "commit" || !plot.isOwn(message)) return null;
      const place = `${message.view}/${message.sequence}/${message.digest}`;
      const waiting = kept.get(place) ?? [];
      if (plot.victims[0] === to && waiting.length < plot.members.length) waiting.push({ member, frame });
      kept.set(place, waiting);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
      return [];
    },
    hears: ({ signed: { message } }) => {
      if (message.kind !== "commit" || plot.members.includes(message.replica)) return;
      const place = `${message.view}/${message.sequence}/${message.digest}`;
      const waiting = kept.get(place);
      if (!waiting) return;
      kept.delete(place);
      const told = plot.random.shuffled(plot.victims).slice(0, plot.random.int(1, 2));
      for (const { member, frame } of waiting) for (const to of told) plot.send(member, to, [frame]);
      plot.note("late-votes: after another's commit");
    },
  };
}
