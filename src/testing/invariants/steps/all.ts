/**
 * All checks of steps.
 * @module
 */
import { Decisions } from "../../checks/decisions.ts";
import { NullRequests } from "../../checks/null_requests.ts";
import { ExactlyOnce } from "../exactly_once.ts";
import { Forms } from "../forms.ts";
import { SelfConsistency } from "../self_consistency.ts";
import { SentCommits } from "../sent_commits.ts";
import { SentMessages } from "../sent_messages.ts";
import { HandOvers } from "./hand_overs.ts";
import type { StepChecks } from "./checks.ts";
import { UnreadVotes } from "../unread_votes.ts";
import { VoteChecker } from "../vote_checker.ts";

/** See {@linkcode StepChecks}. */
export const STEP_CHECKS: StepChecks = {
  createSent: (report, isFaulty) => new SentMessages(report, isFaulty),
  createVotes: (options) =>
    new VoteChecker({ ...options, commits: new SentCommits(options.measures.n, options.isFaulty) }),
  createConsistency: () => new SelfConsistency(),
  createForms: (genesis) => new Forms(genesis),
  createExactlyOnce: (report, limits) => new ExactlyOnce(report, limits),
  createDecisions: (n, report) => new Decisions(n, report),
  createNullRequests: (nullDigest) => new NullRequests(nullDigest),
  createHandOvers: (options) => new HandOvers(options),
  createUnread: (world, replica, storedState) => new UnreadVotes(world, replica, storedState),
};
