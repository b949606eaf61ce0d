/**
 * View changes (PBFT §4.4).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const change = inFile("src/core/views/view_change.ts");
const certificates = inFile("src/core/messages/certificates.ts");
const newView = inFile("src/core/views/new_view.ts");
const normal = inFile("src/core/ordering/normal_case.ts");
const recovery = inFile("src/core/recovery/rebuild.ts");
const former = inFile("src/core/ordering/former_bodies.ts");

/** What must be carried from view to view, and what must not. */
export const VIEW_CHANGES: readonly Mutant[] = [
  {
    name: "prepared-dropped-from-view-change",
    why: "what prepared is not carried over: the next view may order something else there (§4.4)",
    edits: [
      change("slot.prepared ? [slot.prepared] : []", "slot.prepared && slot.sequence % 2 === 0 ? [slot.prepared] : []"),
    ],
    breaks: ["carry-over"],
  },
  {
    name: "only-committed-is-carried",
    why: "only what is committed here goes into the view-change, not what is prepared (§4.4)",
    edits: [
      change("slot.prepared ? [slot.prepared] : []", "slot.prepared && slot.committed !== null ? [slot.prepared] : []"),
    ],
    breaks: ["carry-over"],
  },
  {
    name: "prepared-forgotten-at-a-restart",
    why: "a restart forgets the certificates, so that the next view-change is without them (§4.4)",
    edits: [recovery("    slot.prepared = certificate;\n", "")],
    breaks: ["carry-over", "reload"],
  },
  {
    name: "prepared-forgotten-at-a-new-view",
    why: "a new view's pre-prepare wipes out the certificate of the view before, until it prepares again (§4.4)",
    edits: [normal("  slot.prePrepare = prePrepare;\n", "  slot.prePrepare = prePrepare;\n  slot.prepared = null;\n")],
    breaks: ["carry-over"],
  },
  {
    name: "lowest-view-wins",
    why: "of two certificates for one number the one of the lower view is chosen (§4.4)",
    edits: [newView("prepared.view > known.view", "prepared.view < known.view")],
    breaks: ["carry-over", "agreement"],
  },
  {
    name: "first-certificate-wins",
    why: "of two certificates for one number the first is chosen, whatever its view (§4.4)",
    edits: [newView("if (!known || prepared.view > known.view)", "if (!known)")],
    breaks: ["carry-over", "agreement"],
  },
  {
    name: "no-null-requests",
    why: "gaps in a new view stay gaps: nothing above them can be executed (§4.4)",
    edits: [
      newView(
        "    digests.push([sequence, best.get(sequence)?.digest ?? null]);",
        "    const chosen = best.get(sequence);\n    if (chosen) digests.push([sequence, chosen.digest]);",
      ),
    ],
    breaks: ["carry-over"],
  },
  {
    name: "o-ends-too-early",
    why: "the highest prepared number is not in O (§4.4)",
    edits: [newView("for (let n = low + 1; n <= high; n++)", "for (let n = low + 1; n < high; n++)")],
    breaks: ["carry-over"],
  },
  {
    name: "o-from-the-lowest-checkpoint",
    why: "min-s is not the highest stable checkpoint in V (§4.4)",
    edits: [newView("stableSequence(message.stable) > stableSequence(stable)", "stable.length === 0")],
    breaks: ["carry-over"],
  },
  {
    name: "o-not-recomputed",
    why: "backups believe the new primary's O (§4.4)",
    edits: [
      newView(
        "message.digest === (digest ?? nullDigest);",
        "(message.digest !== nullDigest || digest === null || true);",
      ),
    ],
    breaks: ["carry-over", "agreement"],
  },
  {
    name: "o-of-any-length",
    why: "backups take an O that leaves out the end (§4.4)",
    edits: [
      newView(
        "return prePrepares.length === digests.length && prePrepares.every(",
        "return prePrepares.length <= digests.length && prePrepares.every(",
      ),
    ],
    breaks: ["carry-over"],
  },
  {
    name: "new-view-of-doubled-senders",
    why: "one replica's view-change counts as often as it stands in V (§4.4)",
    edits: [newView("  if (!areDistinct(viewChanges.map(({ message }) => message.replica))) return false;\n", "")],
    breaks: ["certificates"],
  },
  {
    name: "new-view-of-too-few",
    why: "a new-view with fewer view-changes than a quorum is believed (§4.4)",
    edits: [newView("viewChanges.length < quorum(n)", "viewChanges.length < quorum(n) - 1")],
    breaks: ["certificates"],
  },
  {
    name: "new-view-of-anybody",
    why: "a new-view of a replica that is not the view's primary is believed (§4.4)",
    edits: [newView("replica !== primaryOf(view, n) || viewChanges.length", "viewChanges.length")],
    breaks: ["certificates"],
  },
  {
    name: "view-change-unproven",
    why: "a view-change's prepared certificates are not looked at (§4.4)",
    edits: [newView("    if (!isPreparedCertificate(certificate, genesis)) return false;\n", "")],
    breaks: ["certificates"],
  },
  {
    name: "certificate-of-doubled-prepares",
    why: "one backup's prepare counts as often as it stands in a certificate (§4.2)",
    edits: [
      certificates(
        "    areDistinct(prepares.map(({ message }) => message.replica));",
        "    prepares.length > 0;",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "view-change-checkpoint-unproven",
    why: "a view-change's checkpoint is believed without a quorum behind it (§4.4)",
    edits: [
      newView(
        "!isProofOfLeaving(suspicions, view, genesis) || !isStableCertificate(stable, genesis)) return false;",
        "!isProofOfLeaving(suspicions, view, genesis)) return false;",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "votes-below-its-view",
    why: "after a view-change a replica goes on in the view that it has left (§4.4)",
    edits: [
      normal(
        "if (view !== state.view || !step.isActive) {\n    if (view > state.view) resetStatusPace",
        "if (view > state.view) {\n    if (view > state.view) resetStatusPace",
      ),
      normal(
        'if (replica !== step.primary) return discard("not-the-primary");',
        'if (replica !== primaryOf(view, step.n)) return discard("not-the-primary");',
      ),
      normal(
        "  if (prePrepare.message.view !== step.state.view) return;\n  if (!carried) {",
        "  if (!carried) {",
      ),
      normal(
        "if (!prePrepare || !batch || prePrepare.message.view !== step.state.view || !step.mayVote) return;",
        "if (!prePrepare || !batch || !step.mayVote) return;",
      ),
    ],
    breaks: ["self-consistency", "view-changes"],
  },
  {
    name: "prepares-after-leaving",
    why: "after a view-change a replica still says commit in the view that it has left (§4.4)",
    edits: [
      normal(
        "if (!prePrepare || !batch || prePrepare.message.view !== step.state.view || !step.mayVote) return;",
        "if (!prePrepare || !batch || !step.mayVote) return;",
      ),
      normal('if (view < step.state.view) return discard("other-view");', ""),
    ],
    breaks: ["self-consistency"],
  },
  {
    name: "one-leaves-all-follow",
    why: "one view-change is enough to leave the view: a single liar deposes every primary (§4.5.2)",
    edits: [change("higher.length > step.f", "higher.length > 0")],
    breaks: ["view-changes"],
  },
  {
    name: "nobody-follows",
    why: "who sees that others have left stays: replicas in different views need not meet (§4.5.2)",
    edits: [change("if (others) leaveFor", "if (others && step.n === 0) leaveFor")],
    breaks: ["liveness", "view-changes"],
  },
  {
    name: "follows-the-highest",
    why:
      "a replica follows the highest view that was named, perhaps a liar's, and not the lowest of the f + 1 (§4.5.2)",
    edits: [
      change(
        "(higher.length > step.f ? higher.at(-1) : undefined)",
        "(higher.length > step.f ? higher[0] : undefined)",
      ),
    ],
    breaks: ["view-changes"],
  },
  {
    name: "future-view-changes-dropped",
    why: "a view-change for a view above the next one is dropped: those that are ahead are never met (§4.5.2)",
    edits: [
      change(
        "  followOthers(step);\n  checkViewChanges(step);\n}",
        "  if (view > state.view + 1) state.viewChanges.delete(replica);\n  followOthers(step);\n  checkViewChanges(step);\n}",
      ),
    ],
    breaks: ["liveness", "view-changes"],
  },
  {
    name: "future-new-view-dropped",
    why: "only who has left for a view takes its new-view: one who was away never comes back",
    edits: [
      change(
        'if (view < state.view || (view === state.view && step.isActive)) {\n    return step.discard("new-view"',
        'if (view !== state.view || step.isActive) {\n    return step.discard("new-view"',
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "old-new-view-accepted",
    why: "an old new-view, sent again, takes a replica back (§4.4)",
    edits: [
      change(
        'if (view < state.view || (view === state.view && step.isActive)) {\n    return step.discard("new-view"',
        'if (view === state.view && step.isActive) {\n    return step.discard("new-view"',
      ),
    ],
    breaks: ["view-changes", "self-consistency", "no-halt"],
  },
  {
    name: "pending-not-proposed-anew",
    why: "what an old primary had in a batch is taken to be in one of the new view's (§4.4)",
    edits: [change("  state.pending.startView();\n", "")],
    breaks: ["liveness"],
  },
  {
    name: "new-view-starts-over",
    why: "a new primary gives numbers anew that its own new-view has given",
    edits: [change("    highest = Math.max(highest, sequence);\n", "")],
    breaks: ["self-consistency", "view-changes", "carry-over"],
  },
  {
    name: "executed-numbers-not-carried",
    why: "numbers that were executed here are not voted on anew: those who lack them wait for ever (§4.4)",
    edits: [
      change(
        "if (!state.log.isWithin(sequence)) continue;",
        "if (sequence <= state.lastExecuted || !state.log.isWithin(sequence)) continue;",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "held-back-for-ever",
    why: "who has executed a number that the new view takes over does not vote for it when another replica does",
    edits: [normal("  if (isHeldBack(slot) && isAwaited(slot)) acceptWaiting(step, slot);\n", "")],
    breaks: ["liveness"],
  },
  {
    name: "early-prepare-not-noticed",
    why: "a prepare that came before the new-view does not make who has executed its number vote",
    edits: [change("slot.committed !== null && !isAwaited(slot))) continue;", "slot.committed !== null)) continue;")],
    breaks: ["liveness"],
  },
  {
    name: "new-primary-keeps-quiet",
    why: "a primary that starts its view does not show that it lacks numbers which the view takes over",
    edits: [change("  if (step.isPrimary && state.lastExecuted < state.lastProposed) sendStatus(step);\n", "")],
    breaks: ["liveness"],
  },
  {
    name: "former-bodies-dropped",
    why:
      "the body of a batch goes when another is accepted at its number: a certificate that a liar kept back stops the cluster for good",
    edits: [former("digest && !isNull(batch)) {", "false) {")],
    breaks: ["bodies", "liveness"],
  },
  {
    name: "former-bodies-not-restored",
    why: "a restart forgets the bodies in whose place others were accepted",
    edits: [
      recovery(
        "    if (state.log.isWithin(sequence)) state.log.slot(sequence).former.set(batch.digest, { view, batch });\n",
        "    void [sequence, view, batch];\n",
      ),
    ],
    breaks: ["reload", "bodies", "liveness"],
  },
];
