/**
 * Schemes that make false statements in a well-formed message.
 * @module
 */
import type { SequenceNumber } from "../../core/messages/ids.ts";
import { encodeFrame, MAX_BLOBS } from "../../wire/mod.ts";
import type { Plot } from "./plot.ts";
import { restructured } from "./restructure.ts";
import type { Scheme } from "./scheme.ts";

/** Members claim that they have lost their disks, and tell each replica another bound. */
export function falseLosses(plot: Plot): Scheme {
  const { engine, genesis: { logWindow } } = plot.world;
  const periodMs = plot.random.pick([5_000, 20_000, Infinity]);
  return {
    says: ({ to, content: { signed: { message } } }) => {
      if (message.kind !== "status" || !plot.isOwn(message)) return null;
      // Members do not lie to each other: each would answer the other's status at once, without end.
      if (plot.members.includes(to)) return null;
      if (Math.floor(engine.now / periodMs) % 2 === 1) return null;
      const bound = message.stable + (to % 2 === 0 ? logWindow : 2 * logWindow + to);
      plot.note("false-losses");
      const votesAbove = bound as SequenceNumber;
      return [{ frame: plot.frame({ ...message, votesAbove, challenge: 1 as typeof message.challenge }) }];
    },
  };
}

/**
 * Members return each status to the replica that sent it, and draw one that echoes and has seen what they like: numbers that are used up soon.
 */
export function returnedStatuses(plot: Plot): Scheme {
  let number = Number.MAX_SAFE_INTEGER - 1_000;
  return {
    says: ({ to, content: { signed: { message } } }) => {
      if (message.kind !== "status" || !plot.isOwn(message) || plot.members.includes(to)) return null;
      plot.note("returned-statuses: a high number");
      number = Math.min(number + 1, Number.MAX_SAFE_INTEGER);
      const challenge = Math.max(1, message.challenge) as typeof message.challenge;
      return [{ frame: plot.frame({ ...message, number, seen: number, challenge }) }];
    },
    hears: ({ signed }, member) => {
      const { message } = signed;
      if (message.kind !== "status" || plot.members.includes(message.replica)) return;
      plot.note("returned-statuses");
      plot.send(member, message.replica, [encodeFrame(signed)]);
    },
  };
}

/** Lists in members' messages are doubled, empty, permuted or padded; numbers are set to edges. */
export function restructuring(plot: Plot): Scheme {
  const part = plot.random.pick([0.05, 0.3]);
  return {
    says: ({ content: { signed: { message }, batchBytes } }) => {
      if (!plot.isOwn(message) || !plot.random.chance(part)) return null;
      const changed = restructured(message, plot.random, MAX_BLOBS);
      if (!changed) return null;
      try {
        const frame = plot.frame(changed.message, batchBytes);
        plot.note(`restructuring: ${message.kind}: ${changed.how}`);
        return [{ frame }];
      } catch {
        return null; // Such a number cannot be encoded.
      }
    },
  };
}
