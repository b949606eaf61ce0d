/**
 * A drill of lost disks (TOCS §4.3.2): the replica has a state, and no memory of its votes.
 * @module
 */
import type { Millis } from "../../core/messages/ids.ts";
import { type Copy, ofKind } from "./copy.ts";
import type { DrillContext } from "./context.ts";
import { NEW_RECOVERY } from "../../core/records.ts";

/**
 * It sends nothing that binds it until a stable checkpoint covers every number in which it may have voted. One liar
 * cannot shorten that.
 */
export function forgetsItsVotes(context: DrillContext): void {
  const { peers, random, storedState, world: { genesis: { logWindow, checkpointInterval: K } } } = context;
  const { active, lowWatermark } = context.copy.status;
  context.needs(context.quieten() && active && lowWatermark >= logWindow);
  const nothing = { accepted: [], prepared: [], committed: [], viewChange: null };
  const copy = context.copyOf({ ...storedState, ...nothing, lostDisk: NEW_RECOVERY });
  context.demand("self-consistency", copy.status.recovering, () => `has lost its disk, and does not mind`);
  const { view, lowWatermark: stable, lastExecuted: executed } = copy.status;
  const first = copy.during(() => copy.wait(3 * context.world.settings.idleStatusMs));
  const echo = ofKind(first, "status").at(-1)?.signed.message.challenge ?? 0;
  context.demand("liveness", echo > 0, () => `has lost its disk, and does not ask where the others are`);
  const [liar, ...honest] = random.shuffled(copy.others);
  const heard = copy.during(() => {
    // Old messages of the others, kept by somebody.
    for (const id of copy.others) copy.take(peers.status(id, { view, executed, echo: echo - 1 as Millis }));
    copy.take(peers.status(liar!, { view, echo: echo as Millis }));
    for (const id of honest) {
      copy.take(peers.status(id, { view, stable, executed, echo: echo as Millis }));
    }
    const batch = context.batch();
    const place = { view, sequence: executed + 1, digest: batch.digest };
    copy.take({ kind: "pre-prepare", prePrepare: peers.prePrepare(place), batch });
    for (const id of copy.others) {
      copy.take({ kind: "prepare", prepare: peers.prepare(place, id) });
      copy.take({ kind: "view-change", viewChange: peers.viewChange(view + 1, id, copy.stable, []) });
    }
    copy.take({ kind: "query", query: peers.query() });
  });
  context.demand("self-consistency", copy.status.recovering && !said(copy, heard), () => {
    return `has lost its disk and votes again at ${stable}, which the others were at when it said where it is`;
  });
  context.demand("linearizability", heard.answers.every(({ outcome }) => typeof outcome === "string"), () => {
    return `has lost its disk, does not know what had prepared, and answers a query`;
  });
  // The others may know that a checkpoint is stable which they have taken, and of which it has heard too little.
  comesBack(context, copy, Math.max(stable, executed - executed % K) + logWindow);
}

/** The others go on until it may vote again. One of them has kept a view-change of it. It signs no other one for that view. */
function comesBack(context: DrillContext, copy: Copy, bound: number): void {
  const { peers, random } = context;
  const left = copy.status.view + random.int(1, 3);
  copy.take({ kind: "view-change", viewChange: peers.viewChange(left, copy.self, copy.stable, []) });
  const heard = copy.during(() => {
    while (copy.status.recovering) {
      const { taken } = copy;
      if (taken && taken.sequence > copy.status.lowWatermark) {
        for (const id of copy.others) {
          copy.take({ kind: "checkpoint", checkpoint: peers.checkpoint(taken.sequence, taken.root, id) });
        }
      }
      const { lastExecuted, view, recovering } = copy.status;
      if (!recovering || lastExecuted >= bound) return;
      const place = { view, sequence: lastExecuted + 1, digest: peers.empty.digest };
      copy.take(peers.decision(context.commits(place), copy.others[0]!));
      copy.take(context.body(peers.empty));
      if (copy.status.lastExecuted === lastExecuted) return;
    }
  });
  context.demand("liveness", !copy.status.recovering, () => {
    return `had lost its disk, is at ${copy.status.lastExecuted}, and does not vote again; ${bound} would do`;
  });
  const again = ofKind(heard, "view-change").find(({ signed: { message } }) =>
    message.replica === copy.self && message.view <= left
  );
  context.demand("self-consistency", !again, () => {
    return `leaves for view ${again?.signed.message.view}; before it lost its disk it had left for ${left}`;
  });
}

const VOTES = ["pre-prepare", "prepare", "commit", "checkpoint", "view-change", "new-view"] as const;

function said(copy: Copy, heard: Parameters<typeof ofKind>[0]): boolean {
  return VOTES.some((kind) =>
    ofKind(heard, kind).some(({ signed: { message } }) => "replica" in message && message.replica === copy.self)
  );
}
