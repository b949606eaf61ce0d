/**
 * Schemes of a primary.
 * @module
 */
import { decodeBatch, encodeBatch } from "../../wire/mod.ts";
import type { Plot, Story } from "./plot.ts";
import type { Scheme, Speech } from "./scheme.ts";

/** Member primaries give one number to two batches, one for each side, and all members vote for each where it was proposed. */
export function splitProposals(plot: Plot): Scheme {
  const isSplit = new Map<string, boolean>();
  const part = plot.random.pick([0.2, 1, 1]);
  return {
    says: ({ to, content: { signed: { message }, batchBytes } }: Speech) => {
      if (!plot.side.has(to) || !plot.isOwn(message)) return null;
      if (message.kind !== "pre-prepare" && message.kind !== "prepare" && message.kind !== "commit") return null;
      const place = `${message.view}/${message.sequence}`;
      if (message.kind === "pre-prepare" && batchBytes && !isSplit.has(place)) {
        isSplit.set(place, plot.random.chance(part));
        if (isSplit.get(place)) plot.stories.set(place, otherBatch(plot, batchBytes));
      }
      const story = plot.storyOf(message);
      if (!story) return null;
      plot.note(`split-proposals: ${message.kind}`);
      const body = message.kind === "pre-prepare" && batchBytes ? story.body : undefined;
      return [{ frame: plot.frame({ ...message, digest: story.digest }, body) }];
    },
  };
}

/** Fewer requests, none, or another time. Each of these is as valid as the first batch. */
function otherBatch(plot: Plot, bytes: Uint8Array): Story {
  const { random, world: { genesis, crypto } } = plot;
  const { timestamp, requests } = decodeBatch(bytes, genesis.limits);
  const body = random.pick([
    () => encodeBatch(timestamp, []),
    () => encodeBatch(timestamp, requests.slice(1)),
    () => encodeBatch(timestamp, [...requests].reverse()),
    () => encodeBatch(timestamp + 1 as typeof timestamp, requests),
  ])();
  return { digest: crypto.hash(body), body };
}

/** Member primaries propose as late as they can without being suspected, or slightly later. */
export function stallingPrimary(plot: Plot): Scheme {
  const { viewTimeoutMs, slowPrimaryMs } = plot.world.settings;
  const delayMs = plot.random.pick([0.8 * viewTimeoutMs, 3 * viewTimeoutMs, 0.9 * slowPrimaryMs, 1.1 * slowPrimaryMs]);
  return {
    says: ({ frame, content: { signed: { message }, batchBytes } }) => {
      if (message.kind !== "pre-prepare" || !batchBytes || !plot.isOwn(message)) return null;
      plot.note("stalling-primary");
      return [{ frame, afterMs: delayMs }];
    },
  };
}
