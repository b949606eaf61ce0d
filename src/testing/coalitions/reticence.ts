/**
 * Schemes that withhold messages.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { encodeFrame } from "../../wire/mod.ts";
import type { Plot } from "./plot.ts";
import type { Scheme } from "./scheme.ts";

/** A subset of the replicas that changes now and then. */
function changing(plot: Plot, { meanMs, count }: { readonly meanMs: number; readonly count: number }) {
  let chosen: ReadonlySet<ReplicaId> = new Set();
  let until = -1;
  return (): ReadonlySet<ReplicaId> => {
    const { now } = plot.world.engine;
    if (now >= until) {
      chosen = new Set(plot.random.shuffled(plot.victims).slice(0, count));
      until = now + plot.random.exponential(meanMs);
    }
    return chosen;
  };
}

/** Members give a batch's body only to the replicas that they propose it to, and perhaps not to all of these. */
export function withheldBodies(plot: Plot): Scheme {
  const without = new Set(plot.random.some(plot.victims, plot.random.pick([0, 0.3])));
  return {
    says: ({ to, content: { signed: { message, bytes, signature }, batchBytes } }) => {
      if (message.kind === "blobs") {
        plot.note("withheld-bodies: a fetch is not answered");
        return [];
      }
      if (message.kind !== "pre-prepare" || !batchBytes || !without.has(to)) return null;
      plot.note("withheld-bodies: a pre-prepare comes alone");
      return [{ frame: encodeFrame({ message, bytes, signature }) }];
    },
  };
}

const VOTES: readonly MessageKind[] = ["prepare", "commit", "checkpoint", "decision"];

/** Members send their votes to just enough replicas that these, and no others, have a quorum. */
export function chosenQuorum(plot: Plot): Scheme {
  const chosen = changing(plot, { meanMs: 3_000, count: plot.f + 1 });
  return {
    says: ({ to, content: { signed: { message } } }) => {
      if (!VOTES.includes(message.kind) || chosen().has(to)) return null;
      plot.note(`chosen-quorum: no ${message.kind}`);
      return [];
    },
  };
}

/** Some replicas hear nothing from any member. */
export function silence(plot: Plot): Scheme {
  const deaf = changing(plot, { meanMs: 8_000, count: plot.random.int(1, Math.max(1, plot.victims.length - 1)) });
  return {
    says: ({ to }) => {
      if (!deaf().has(to)) return null;
      plot.note("silence");
      return [];
    },
  };
}
