/**
 * All schemes, by name. A coalition follows one or several, drawn from its seed.
 * @module
 */
import type { SchemeName } from "../plan/plan.ts";
import type { Plot } from "./plot.ts";
import { splitProposals, stallingPrimary } from "./proposals.ts";
import { chosenQuorum, silence, withheldBodies } from "./reticence.ts";
import type { Scheme } from "./scheme.ts";
import { falseLosses, restructuring, returnedStatuses } from "./statements.ts";
import { deposing, handingOver, privateCertificates, twoNewViews } from "./view_changes.ts";
import { lateVotes } from "./votes.ts";

/** All schemes, in the order in which they see a member's message. */
export const SCHEMES = {
  "split-proposals": splitProposals,
  "two-new-views": twoNewViews,
  "private-certificates": privateCertificates,
  "late-votes": lateVotes,
  "false-losses": falseLosses,
  "restructuring": restructuring,
  "withheld-bodies": withheldBodies,
  "chosen-quorum": chosenQuorum,
  "stalling-primary": stallingPrimary,
  "silence": silence,
  "deposing": deposing,
  "handing-over": handingOver,
  "returned-statuses": returnedStatuses,
} as const satisfies { readonly [name in SchemeName]: (plot: Plot) => Scheme };

/** Their names. */
export const SCHEME_NAMES: readonly SchemeName[] = Object.keys(SCHEMES) as SchemeName[];
