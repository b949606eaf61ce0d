/**
 * What a thousand default runs must have exercised: every fault, lie, message and refusal. The compiler makes sure that
 * no new one is left out.
 * @module
 */
import type { DiscardReason, LeaveReason, ReplicaEvent, SuspicionReason } from "../core/events.ts";
import type { Statement } from "../core/messages/evidence.ts";
import type { MessageKind } from "../core/messages/messages.ts";
import type { QueryRefusal } from "../core/messages/queries.ts";
import type { RejectionReason } from "../node/ports.ts";
import type { Coverage } from "./coverage.ts";
import { DRILLS } from "./drills/mod.ts";
import { MUTATORS } from "./adversary/mutators.ts";
import type { Behaviour, Fault, HostileBehaviour } from "./plan/plan.ts";

/** Every key of a record that must have them all. */
function all<K extends string>(names: { readonly [name in K]: true }): readonly K[] {
  return Object.keys(names) as K[];
}

/** A fault that no default run draws yet. */
type Undrawn = "swallowed-posts" | "old-disk";

/** Likewise of hostile clients. */
type UndrawnClients = "largest-requests";

const EXPECTED: { readonly [group: string]: readonly string[] } = {
  "fault": all<Exclude<Fault["kind"], Undrawn>>({
    "crash": true,
    "partition": true,
    "loss": true,
    "duplication": true,
    "reordering": true,
    "late-posts": true,
    "cut-posts": true,
    "slow-answers": true,
    "slow-network": true,
    "lost-kinds": true,
    "isolates": true,
    "clock-jump": true,
    "coarse-alarms": true,
    "disk-failures": true,
    "slow-disk": true,
    "lost-disk": true,
    "byzantine": true,
    "twins": true,
    "hostile-client": true,
    "coalition": true,
    "swallowing-links": true,
    "slow-refusals": true,
    "replays": true,
    "frozen-clock": true,
  }),
  "byzantine": all<Behaviour>({
    "mute": true,
    "selective": true,
    "delaying": true,
    "replaying": true,
    "corrupting": true,
    "equivocating": true,
    "mutating": true,
    "forging": true,
    "inventing": true,
    "starving": true,
    "lying-to-clients": true,
  }),
  "mutator": [
    ...Object.entries(MUTATORS).flatMap(([kind, mutators]) => Object.keys(mutators).map((name) => `${kind}: ${name}`)),
    "any kind: another structure",
    "gateway-request: for nobody",
    "query-reply: an older result",
    "query-reply: another result",
  ],
  "drill": Object.keys(DRILLS),
  "hostile client": all<Exclude<HostileBehaviour, UndrawnClients>>({
    "two-operations": true,
    "far-timestamps": true,
    "flooding": true,
    "garbage": true,
    "split-timestamps": true,
    "given-up": true,
  }),
  "host": [
    "conflict",
    "failed commit",
    "commit torn away by a crash",
    "commit survives a crash unacknowledged",
    "vote left unread",
    "decision left unread",
  ],
  "message": all<MessageKind>({
    "request": true,
    "gateway-request": true,
    "pre-prepare": true,
    "prepare": true,
    "commit": true,
    "decision": true,
    "checkpoint": true,
    "stable-checkpoint": true,
    "suspicion": true,
    "view-change": true,
    "new-view": true,
    "status": true,
    "fetch": true,
    "blobs": true,
    "reply": true,
    "query": true,
    "query-reply": true,
  }),
  "discard reason": all<DiscardReason>({
    "other-view": true,
    "outside-watermarks": true,
    "not-the-primary": true,
    "from-the-primary": true,
    "conflicting": true,
    "duplicate": true,
    "already-executed": true,
    "buffer-full": true,
    "invalid-certificate": true,
    "too-soon": true,
    "superseded": true,
    "not-wanted": true,
    "unknown-own": true,
  }),
  // Only the HTTP route tells one cluster from another, and only a node that has halted or is closing is unavailable.
  "rejection": all<Exclude<RejectionReason, "wrong-cluster" | "unavailable">>({
    "malformed": true,
    "too-large": true,
    "unknown-signer": true,
    "wrong-signature": true,
    "not-accepted-here": true,
    "overloaded": true,
  }),
  "event": all<
    Exclude<
      `${ReplicaEvent["kind"]}`,
      | "request-received"
      | "stage"
      | "operation-failed"
      | "discarded"
      | "state-transfer"
      | "old-copy"
      // Default runs draw no disks that rot.
      | "repaired"
    >
  >({
    "checkpoint-taken": true,
    "checkpoint-stable": true,
    "recovered": true,
    "configured": true,
    "epoch-closed": true,
    "migrated": true,
    "migration-failed": true,
    "version-missing": true,
    "suspicion": true,
    "view-change": true,
    "new-view": true,
    "contradiction": true,
  }).concat(["state-transfer started", "state-transfer finished"] as never[]),
  "suspicion": all<SuspicionReason | "withdrawn" | "hand-over">({
    "no-progress": true,
    "overtaken": true,
    "slow-time": true,
    "slow-primary": true,
    "no-new-view": true,
    "withdrawn": true,
    "hand-over": true,
  }),
  "view left": all<LeaveReason>({ "suspected": true, "handed-over": true, "others-moved": true }),
  "epochs": ["configured", "epoch begins", "forged links", "crash at the end of an epoch"],
  "stolen keys": ["words", "forks", "links shown", "replies"],
  "evidence": all<Statement["kind"]>({
    "pre-prepare": true,
    "prepare": true,
    "commit": true,
    "checkpoint": true,
    "view-change": true,
  }),
  "query": ["answered without ordering", "asked again", "fell back to ordering", "several reads in one query"],
  "reply": ["signed together with others", "signed together, and forged"],
  // The node refuses before its core has too many.
  "query at a replica": [
    "answered",
    ...all<Exclude<QueryRefusal, "overloaded">>({
      "view-change": true,
      "state-transfer": true,
      "recovering": true,
      "too-late": true,
    }),
  ],
};

/** The kinds that were not exercised, as `group: name`. Empty after enough runs. */
export function missingFrom(coverage: Coverage): readonly string[] {
  return Object.entries(EXPECTED).flatMap(([group, names]) =>
    names.filter((name) => coverage.of(group, name) === 0).map((name) => `${group}: ${name}`)
  );
}
