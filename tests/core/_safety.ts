/** What must hold of every step of every replica in the core's cluster, whatever the scenario. */
import { assert } from "@std/assert";
import type { Commit, PrePrepare, ReplicaMessage } from "../../src/core/messages/messages.ts";
import type { Record } from "../../src/core/records.ts";
import type { Input, Ready } from "../../src/core/io.ts";
import type { Cluster } from "./_cluster.ts";

/**
 * Watches a cluster: no replica votes for two digests at one (view, number, kind), votes below a view that it has left for, or says
 * what its disk does not hold; each over all of its restarts.
 */
export function watchSafety(cluster: Cluster): void {
  const votes = new Map<string, string>();
  const left = new Map<string, number>();
  const check = (message: ReplicaMessage, epoch: number, isNew: boolean) => {
    // What was said in one epoch binds nobody in another.
    const who = `r${"replica" in message ? message.replica : ""}${epoch === 0 ? "" : ` of epoch ${epoch}`}`;
    if (message.kind === "view-change") return checkViewChange(who, message.view);
    if (message.kind !== "pre-prepare" && message.kind !== "prepare" && message.kind !== "commit") return;
    const { kind, view, sequence, digest } = message;
    const vote = `${kind} of ${who} for v${view} n${sequence}`;
    const known = votes.get(vote) ?? digest;
    assert(known === digest, `one ${vote}, not for ${known} and for ${digest}`);
    votes.set(vote, digest);
    assert(!isNew || view >= (left.get(who) ?? 0), `${vote} comes after the view-change to ${left.get(who)}`);
  };
  const checkViewChange = (who: string, view: number) => {
    const highest = left.get(who) ?? 0;
    assert(view >= highest, `${who} has left for view ${highest} and says ${view}`);
    left.set(who, view);
  };
  const before = cluster.onStep;
  cluster.onStep = (host, input, ready) => {
    before(host, input, ready);
    for (const { to, message: { message } } of ready.messages) {
      if (message.kind !== "request" && message.kind !== "gateway-request") check(message, host.epoch, to === "all");
    }
    checkDurable(ready, input);
  };
}

/** A first vote goes out with its record in the same step. */
function checkDurable({ records, messages }: Ready, input: Input): void {
  for (const { to, message: { message } } of messages) {
    if (to !== "all") continue; // resent
    if (message.kind === "pre-prepare" || message.kind === "prepare") {
      assert(
        records.some((r) => r.kind === "accepted" && isSame(r.prePrepare.message, message)),
        `${message.kind} is recorded`,
      );
    }
    if (message.kind === "commit") {
      const isBound = (r: Record) =>
        (r.kind === "prepared" || r.kind === "accepted") && isSame(r.prePrepare.message, message);
      assert(records.some(isBound), "the commit is recorded");
    }
    if (message.kind === "view-change") {
      assert(
        input.kind === "start" || input.kind === "alarm" ||
          records.some((r) => r.kind === "view" && r.viewChange?.message.view === message.view),
        "the view-change is recorded",
      );
    }
    if (message.kind === "new-view") {
      assert(
        records.some((r) => r.kind === "view" && r.newView?.message.view === message.view),
        "the new-view is recorded",
      );
    }
  }
}

type Vote = Pick<PrePrepare | Commit, "view" | "sequence" | "digest">;

function isSame(a: Vote, b: Vote): boolean {
  return a.view === b.view && a.sequence === b.sequence && a.digest === b.digest;
}
