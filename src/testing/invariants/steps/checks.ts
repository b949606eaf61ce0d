/**
 * Checks of what replicas send and store, at each step. A run without them is the same run: the browser's simulator leaves them out.
 * @module
 */
import type { Epoch } from "../../../wire/epochs/mod.ts";
import type { Genesis } from "../../../core/config.ts";
import type { Digest, ReplicaId } from "../../../core/messages/ids.ts";
import type { StoredState } from "../../../core/records.ts";
import type { Decisions } from "../../checks/decisions.ts";
import type { NullRequests } from "../../checks/null_requests.ts";
import type { Coverage } from "../../coverage.ts";
import type { Report } from "../../violation.ts";
import type { ExactlyOnce, SessionLimits } from "../exactly_once.ts";
import type { Forms } from "../forms.ts";
import type { SelfConsistency } from "../self_consistency.ts";
import type { SentMessages } from "../sent_messages.ts";
import type { HandOverOptions, HandOvers } from "./hand_overs.ts";
import type { UnreadVotes } from "../unread_votes.ts";
import type { VoteChecker, VoteCheckerOptions } from "../vote_checker.ts";

/** Makes these checks for one epoch. */
export interface StepChecks {
  readonly createSent: (report: Report, isFaulty: (replica: ReplicaId) => boolean) => SentMessages;
  readonly createVotes: (options: Omit<VoteCheckerOptions, "commits">) => VoteChecker;
  readonly createConsistency: () => SelfConsistency;
  readonly createForms: (genesis: Genesis) => Forms;
  readonly createExactlyOnce: (report: Report, limits: SessionLimits) => ExactlyOnce;
  readonly createDecisions: (n: number, report: Report) => Decisions;
  readonly createNullRequests: (nullDigest: Digest) => NullRequests;
  readonly createHandOvers: (options: HandOverOptions) => HandOvers;
  readonly createUnread: (
    world: { readonly report: Report; readonly coverage: Coverage; readonly epoch: Pick<Epoch, "start"> },
    replica: ReplicaId,
    storedState: StoredState,
  ) => UnreadVotes;
}
