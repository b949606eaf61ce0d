/**
 * Quorums and certificates (PBFT §4.2).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const quorum = inFile("src/core/messages/quorum.ts");
const normal = inFile("src/core/ordering/normal_case.ts");
const surplus = inFile("src/core/ordering/surplus.ts");
const log = inFile("src/core/ordering/message_log.ts");
const certificates = inFile("src/core/messages/certificates.ts");

/** Too few, too many, or not distinct. */
export const QUORUMS: readonly Mutant[] = [
  {
    name: "differing-votes-left-unread",
    why: "a vote for another digest than the one decided is dropped unread, so its sender is never convicted",
    edits: [surplus(" || decided.digest !== vote.digest) return false;", ") return false;")],
    breaks: ["certificates"],
  },
  {
    name: "votes-left-unread-too-early",
    why: "votes are dropped unread as soon as their pre-prepare is accepted, so no quorum comes together",
    edits: [
      surplus("slot.prepared?.prePrepare.message : decisionOf(slot)", "slot.prePrepare?.message : decisionOf(slot)"),
    ],
    breaks: ["certificates", "liveness"],
  },
  {
    name: "votes-of-later-views-left-unread",
    why: "what prepared in an earlier view has its votes of this view dropped unread (§4.4)",
    edits: [
      surplus("decided?.view !== vote.view || decided.digest", "!decided || decided.digest"),
    ],
    breaks: ["certificates", "liveness"],
  },
  {
    name: "quorum-one-less",
    why: "two quorums need not share a correct replica (§3)",
    edits: [quorum("Math.ceil((n + maxFaulty(n) + 1) / 2)", "Math.ceil((n + maxFaulty(n) + 1) / 2) - 1")],
    breaks: ["certificates"],
  },
  {
    name: "quorum-2f-1-for-every-n",
    why: "with n = 5, 6, 8 two sets of 2f + 1 may share none but the faulty",
    edits: [quorum("Math.ceil((n + maxFaulty(n) + 1) / 2)", "2 * maxFaulty(n) + 1")],
    breaks: ["certificates"],
  },
  {
    name: "quorum-simple-majority",
    why: "with n = 7 two majorities share one replica, which may be faulty",
    edits: [quorum("Math.ceil((n + maxFaulty(n) + 1) / 2)", "Math.floor(n / 2) + 1")],
    breaks: ["certificates"],
  },
  {
    name: "quorum-one-more",
    why: "the correct replicas alone are no quorum any more: f silent ones stop the service (§3)",
    edits: [quorum("Math.ceil((n + maxFaulty(n) + 1) / 2)", "Math.ceil((n + maxFaulty(n) + 1) / 2) + 1")],
    breaks: ["liveness"],
  },
  {
    name: "prepared-with-one-less",
    why: "prepared needs 2f prepares: two batches can be prepared in one view (§4.2)",
    edits: [
      normal(
        "matchingPrepares(slot, step.n).slice(0, step.quorum - 1)",
        "matchingPrepares(slot, step.n).slice(0, step.quorum - 2)",
      ),
      normal("if (prepares.length < step.quorum - 1) return;", "if (prepares.length < step.quorum - 2) return;"),
      certificates("prepares.length >= quorum(n) - 1", "prepares.length >= quorum(n) - 2"),
    ],
    breaks: ["certificates"],
  },
  {
    name: "committed-with-one-less",
    why: "committed-local needs 2f + 1 commits: what is executed need not survive a view change (§4.2)",
    edits: [
      normal("slot.commits.size < step.quorum) return;", "slot.commits.size < step.quorum - 1) return;"),
      normal("if (commits.length < step.quorum) return;", "if (commits.length < step.quorum - 1) return;"),
      normal("commits.slice(0, step.quorum)", "commits.slice(0, step.quorum - 1)"),
    ],
    breaks: ["certificates"],
  },
  {
    name: "primary-prepares-too",
    why: "the primary's own prepare adds nothing to its pre-prepare, and must not count (§4.2)",
    edits: [
      normal("if (!step.isPrimary) {\n    const prepare", "{\n    const prepare"),
      normal('if (replica === primaryOf(view, step.n)) return discard("from-the-primary");', ""),
      log("p.view === view && p.digest === digest && p.replica !== primary", "p.view === view && p.digest === digest"),
      certificates("p.digest === digest && p.replica !== primary", "p.digest === digest"),
    ],
    breaks: ["certificates"],
  },
  {
    name: "primary-prepare-counted",
    why: "a lying primary's prepare counts as a backup's (§4.2)",
    edits: [
      normal('if (replica === primaryOf(view, step.n)) return discard("from-the-primary");', ""),
      log("p.view === view && p.digest === digest && p.replica !== primary", "p.view === view && p.digest === digest"),
    ],
    breaks: ["certificates"],
  },
  {
    name: "prepares-match-in-number-only",
    why: "prepares for another digest count towards prepared (§4.2)",
    edits: [
      log(
        "p.view === view && p.digest === digest && p.replica !== primary",
        "p.view === view && p.replica !== primary",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "prepares-of-any-view",
    why: "prepares of earlier views count towards prepared (§4.2)",
    edits: [
      log(
        "p.view === view && p.digest === digest && p.replica !== primary",
        "p.digest === digest && p.replica !== primary",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "commits-of-any-digest",
    why: "commits for another batch count towards committed (§4.2)",
    edits: [log("message.view === view && message.digest === digest", "message.view === view")],
    breaks: ["certificates", "agreement"],
  },
  {
    name: "commits-of-any-view",
    why: "commits of several views add up, although no quorum has it prepared in any of them (§4.2)",
    edits: [log("message.view === view && message.digest === digest", "message.digest === digest")],
    breaks: ["certificates"],
  },
  {
    name: "second-pre-prepare-accepted",
    why: "a backup accepts two pre-prepares for one view and number (§4.2)",
    edits: [
      normal(
        'if (compare(step, known, prePrepare)) return discard("conflicting");',
        "compare(step, known, prePrepare);",
      ),
      normal(
        'if (accepted || waiting?.batch || (waiting && !batch)) return discard("duplicate");',
        'if (accepted?.message.digest === prePrepare.message.digest) return discard("duplicate");',
      ),
    ],
    breaks: ["self-consistency"],
  },
  {
    name: "anybody-pre-prepares",
    why: "a pre-prepare of a replica that is not the view's primary is accepted (§4.2)",
    edits: [normal('if (replica !== step.primary) return discard("not-the-primary");', "")],
    breaks: ["certificates"],
  },
  {
    name: "decision-of-doubled-commits",
    why: "a decision's commits need not be of distinct replicas",
    edits: [
      normal(
        "return replicas.size === commits.length && commits.length >= quorum &&",
        "return replicas.size > 0 && commits.length >= quorum &&",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "decision-of-too-few",
    why: "a decision of fewer commits than a quorum is believed",
    edits: [
      normal(
        "return replicas.size === commits.length && commits.length >= quorum &&",
        "return replicas.size === commits.length && commits.length >= quorum - 1 &&",
      ),
    ],
    breaks: ["certificates"],
  },
];
