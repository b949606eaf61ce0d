/**
 * Small slips in many places: an end that is one too far, a field that is not compared, a duty that is left to others.
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const bodies = inFile("src/core/ordering/bodies.ts");
const change = inFile("src/core/views/view_change.ts");
const checkpoint = inFile("src/core/checkpoints/checkpoint.ts");
const evidence = inFile("src/core/messages/evidence.ts");
const log = inFile("src/core/ordering/message_log.ts");
const lost = inFile("src/core/recovery/lost_disk.ts");
const filling = inFile("src/core/recovery/log_filling.ts");
const certificates = inFile("src/core/messages/certificates.ts");
const newView = inFile("src/core/views/new_view.ts");
const normal = inFile("src/core/ordering/normal_case.ts");
const queries = inFile("src/core/upkeep/queries.ts");
const replica = inFile("src/core/replica.ts");
const retransmission = inFile("src/core/upkeep/retransmission.ts");
const suspicion = inFile("src/core/views/view_timer.ts");
const table = inFile("src/core/clients/client_table.ts");
const gate = inFile("src/node/in/gate.ts");

/** Slips. */
export const DETAILS: readonly Mutant[] = [
  {
    name: "window-one-too-long",
    why: "the high watermark is one too high (§4.2)",
    edits: [
      log(
        "return sequenceNumber(Math.min(this.#low + this.window, this.#last));",
        "return sequenceNumber(Math.min(this.#low + this.window + 1, this.#last));",
      ),
    ],
    breaks: ["watermarks", "bounds"],
  },
  {
    name: "window-from-the-low-watermark",
    why: "a number at the low watermark, whose log is gone, is voted on again (§4.2)",
    edits: [
      log(
        "return sequence > this.#low && sequence <= this.high;",
        "return sequence >= this.#low && sequence <= this.high;",
      ),
    ],
    breaks: ["watermarks"],
  },
  {
    name: "primary-shifts-after-a-round",
    why: "once every replica has been the primary, the wrong one is: v div n is added (§4)",
    edits: [{
      file: "src/core/messages/quorum.ts",
      find: "return replicaId(view % n);",
      replace: "return replicaId((view + Math.floor(view / n)) % n);",
    }],
    breaks: ["certificates", "liveness"],
  },
  {
    name: "f-leave-all-follow",
    why: "f view-changes, all of liars perhaps, take everybody along (§4.5.2)",
    edits: [change("(higher.length > step.f ?", "(higher.length >= step.f ?")],
    breaks: ["view-changes"],
  },
  {
    name: "new-view-one-too-few",
    why: "the new primary does not wait for a quorum of view-changes (§4.4)",
    edits: [
      change(
        "if (step.isPrimary && forThis.length >= step.quorum) return",
        "if (step.isPrimary && forThis.length >= step.quorum - 1) return",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "new-view-of-mixed-views",
    why: "view-changes for higher views count towards a quorum for this one (§4.4)",
    edits: [
      change("const forThis = all.filter(({ message }) => message.view === state.view);", "const forThis = all;"),
    ],
    breaks: ["certificates", "view-changes"],
  },
  {
    name: "view-changes-of-any-view-in-v",
    why: "backups take a new-view whose view-changes are for other views (§4.4)",
    edits: [
      newView("message.view === view && isValidViewChange(message, genesis)", "isValidViewChange(message, genesis)"),
    ],
    breaks: ["certificates"],
  },
  {
    name: "prepared-in-views-to-come",
    why: "a view-change may claim that something prepared in the view that it leaves for, or above (§4.4)",
    edits: [newView(" || preparedIn >= view) return false;", " || preparedIn < 0) return false;")],
    breaks: ["certificates"],
  },
  {
    name: "prepared-beyond-the-window",
    why: "a view-change may claim that any number prepared: the new view has to fill all below it (§4.4)",
    edits: [newView("sequence > low + genesis.logWindow || ", "")],
    breaks: ["certificates"],
  },
  {
    name: "certificate-of-any-primary",
    why: "a prepared certificate's pre-prepare may be of anybody (§4.2)",
    edits: [certificates("return primary === primaryOf(view, n) && prepares.length", "return prepares.length")],
    breaks: ["certificates"],
  },
  {
    name: "certificate-of-mixed-digests",
    why: "a prepared certificate's prepares may be for other batches (§4.2)",
    edits: [certificates("p.sequence === sequence && p.digest === digest &&", "p.sequence === sequence &&")],
    breaks: ["certificates"],
  },
  {
    name: "certificate-of-mixed-views",
    why: "a prepared certificate's prepares may be of other views (§4.2)",
    edits: [certificates("p.view === view && p.sequence === sequence", "p.sequence === sequence")],
    breaks: ["certificates"],
  },
  {
    name: "certificate-with-the-primary",
    why: "in a prepared certificate the primary counts as a backup (§4.2)",
    edits: [certificates("p.digest === digest && p.replica !== primary", "p.digest === digest")],
    breaks: ["certificates"],
  },
  {
    name: "stable-certificate-of-mixed-digests",
    why: "checkpoints of different states make a stable certificate together (§4.3)",
    edits: [
      certificates("m.sequence === first.sequence && m.digest === first.digest", "m.sequence === first.sequence"),
    ],
    breaks: ["certificates", "integrity", "no-halt"],
  },
  {
    name: "decision-of-mixed-digests",
    why: "commits for different batches decide together (§4.2)",
    edits: [normal("c.sequence === sequence && c.digest === digest);", "c.sequence === sequence);")],
    breaks: ["certificates"],
  },
  {
    name: "decision-of-mixed-views",
    why: "commits of different views decide together: no quorum has it prepared in any of them (§4.2)",
    edits: [normal("c.view === view && c.sequence === sequence", "c.sequence === sequence")],
    breaks: ["certificates"],
  },
  {
    name: "first-votes-kept-for-ever",
    why: "of each replica the first vote for a number is kept, also when it votes again in a later view (§4.4)",
    edits: [
      normal(
        'if (known && known.message.view > view) return "other-view";',
        'if (known && known.message.view !== view) return "other-view";',
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "commits-not-said-anew",
    why: "what is decided here is not committed in the next view: those who lack it are one short (§4.4)",
    edits: [
      normal("  if (slot.commits.get(step.self)?.message.view !== view) sendCommit(step, slot, view, digest);\n", ""),
    ],
    breaks: ["liveness"],
  },
  {
    name: "early-pre-prepares-lost",
    why: "what was a little ahead of the clock is never taken up",
    edits: [replica("    acceptEarly(step);\n", "")],
    breaks: ["liveness"],
  },
  {
    name: "fetched-bodies-not-voted-on",
    why: "a pre-prepare whose body was fetched is not accepted",
    edits: [
      normal(
        "    slot.waiting = { ...slot.waiting!, batch: waiting };\n    acceptWaiting(step, slot);\n",
        "    slot.waiting = { ...slot.waiting!, batch: waiting };\n",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "bodies-for-what-is-decided-not-wanted",
    why: "the body of what is decided is not taken when it comes",
    edits: [
      bodies(
        "    if (committed !== null && batch?.digest !== committed) toExecute.push({ slot, digest: committed });\n",
        "",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "own-view-change-said-once",
    why: "a view-change that is lost is not sent again: the others never hear of it (§5.2)",
    edits: [retransmission('  if (!step.isActive && viewChange) step.send("all", viewChange);\n', "")],
    breaks: ["liveness"],
  },
  {
    name: "new-view-not-passed-on",
    why: "a replica that says it is in an old view is not told of the new one (§5.2)",
    edits: [retransmission("  if (whereWeAre) resend(whereWeAre);\n", "  void whereWeAre;\n")],
    breaks: ["liveness"],
  },
  {
    name: "late-leavers-not-told",
    why: "a replica that leaves for a view that has started is not told so",
    edits: [change(
      '    resendNewView(step, replica, view);\n    return discard("other-view");',
      '    return discard("other-view");',
    )],
    breaks: ["liveness"],
  },
  {
    name: "checkpoints-not-resent",
    why: "a checkpoint message that is lost is not sent again (§5.2)",
    edits: [retransmission("if (own && sequence > stable) resend(own);", "void (own && sequence > stable);")],
    breaks: ["liveness"],
  },
  {
    name: "commits-not-resent",
    why: "a commit that is lost is not sent again (§5.2)",
    edits: [retransmission("  if (commit) resend(commit);\n", "  void commit;\n")],
    breaks: ["liveness"],
  },
  {
    name: "requests-not-relayed",
    why: "a backup does not pass on what waits: a client that reaches backups only is alone with them (§4.1)",
    edits: [retransmission("if (entry.relayAt <= now && !step.isPrimary) relay(", "if (entry.relayAt < 0) relay(")],
    breaks: ["liveness"],
  },
  {
    name: "the-next-view-is-the-one-after",
    why: "a replica that suspects its primary skips a view, and its primary's turn (§4.4)",
    edits: [
      inFile("src/core/views/own_suspicion.ts")(
        "const view = step.state.view + 1 as View;\n  const isNew",
        "const view = step.state.view + 2 as View;\n  const isNew",
      ),
    ],
    breaks: ["view-changes"],
  },
  {
    name: "impatient-while-idle",
    why: "the timer runs although nothing waits: idle clusters change views for ever (§4.5.2)",
    edits: [
      suspicion(
        "if (step.isPrimary || state.transfer || !isWaiting(step)) {",
        "if (step.isPrimary || state.transfer) {",
      ),
    ],
    breaks: ["calm"],
  },
  {
    name: "impatient-alone",
    why: "a replica goes on from view to view although no quorum has left with it (§4.5.2)",
    edits: [change("if (gone + 1 >= step.quorum) awaitNewView(step);", "awaitNewView(step);\n  void gone;")],
    breaks: ["view-changes"],
  },
  {
    name: "stale-reads",
    why:
      "a query is answered once what is decided is executed, but what had prepared may be decided elsewhere (§5.1.3)",
    edits: [queries("state.log.highestPrepared()", "state.log.highestCommitted()")],
    breaks: ["linearizability"],
  },
  {
    name: "lost-disk-asks-for-old-reports",
    why: "reports count that were made before the disk was lost, and kept by a liar (TOCS §4.3.2)",
    edits: [lost("if (lostDisk && status.echo === lostDisk.challenge) addReport(", "if (lostDisk) addReport(")],
    breaks: ["self-consistency"],
  },
  {
    name: "idlest-by-insertion",
    why: "which session gives way depends on the order in which the table was filled, which a restart changes (§4.3)",
    edits: [
      inFile("src/core/clients/client_room.ts")(
        "as const).sort(inOrder);",
        "as const);",
      ),
    ],
    breaks: ["service", "integrity", "determinism", "exactly-once"],
  },
  {
    name: "session-window-one-too-long",
    why: "a session remembers one reply more than its window has room for (§4.1)",
    edits: [
      table(
        "if (request.timestamp >= session.lowestUnanswered + this.#limits.sessionWindow) {",
        "if (request.timestamp > session.lowestUnanswered + this.#limits.sessionWindow) {",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "sessions-share-their-timestamps",
    why: "waiting requests are told apart by client and timestamp, whatever their session",
    edits: [{
      file: "src/core/ordering/pending_requests.ts",
      find: "`${request.client}/${request.session}/${request.timestamp}`",
      replace: "`${request.client}/${request.timestamp}`",
    }],
    // A client is told another's result, which nobody has executed for it.
    breaks: ["liveness", "service", "exactly-once", "durability"],
  },
  {
    name: "o-not-verified-at-the-gate",
    why: "a new-view's pre-prepares are believed on its sender's word",
    edits: [
      gate(
        "    yield* this.#all(prePrepares, (prePrepare) => this.#signatures.verifyVote(prePrepare));\n",
        "    void prePrepares;\n",
      ),
    ],
    breaks: ["authenticity"],
  },
  {
    name: "nested-stable-not-checked",
    why: "the checkpoints in a view-change are believed on its sender's word",
    edits: [gate("[...suspicions, ...stable, ...votes]", "(stable, [...suspicions, ...votes])")],
    breaks: ["authenticity"],
  },
  {
    name: "far-checkpoints-all-kept",
    why: "of one sender every checkpoint message above the window is kept, and not only the highest",
    edits: [
      checkpoint(
        "  if (sequence > log.high) {\n    for",
        "  if (sequence > log.high && log.high === 0) {\n    for",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "queries-unbounded",
    why: "any number of queries may wait",
    edits: [queries("state.queries.length >= MAX_WAITING", "state.queries.length === Infinity")],
    breaks: ["bounds"],
  },
  {
    name: "evidence-of-one-unbounded",
    why: "who contradicts itself without end takes all the room for evidence",
    edits: [
      evidence(
        "    if (ofReplica.length >= MAX_PER_REPLICA) return false;\n",
        "    void ofReplica, MAX_PER_REPLICA;\n",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "view-changes-restart-the-timer",
    why:
      "each view-change gives the new primary its whole time anew: a liar that sends one after another stops the service (§4.5.2)",
    edits: [
      change(
        "  if (timer.dueAt !== null) return;\n  timer.dueAtLatest",
        "  timer.dueAtLatest",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "log-filled-beyond-the-window",
    why:
      "a replica that says that it votes above a number far ahead has the log filled without end, and primaries deposed for not doing so",
    edits: [
      filling(
        "votesAbove <= filling.through || votesAbove > log.high",
        "votesAbove <= filling.through",
      ),
    ],
    breaks: ["calm"],
  },
  {
    name: "old-view-changes-replace-new-ones",
    why:
      "a view-change that comes again takes back the later one of its sender: a quorum that was there is not any more (§4.4)",
    edits: [
      change("if (known && known.view >= view) return discard", "if (known && known.view === view) return discard"),
    ],
    breaks: ["liveness"],
  },
  {
    name: "clients-not-told",
    why: "what is executed is not told to its client: it has to ask again (§4.1)",
    edits: [
      inFile("src/core/ordering/execution.ts")(
        "if (sequence > state.answeredThrough || state.pending.has(request)) answer(step, request, results);",
        "void answer;",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "evidence-stored-again",
    why: "who contradicts itself again and again about one matter fills the store",
    edits: [evidence("this.#kept.has(about) || this.#kept.size", "this.#kept.size")],
    breaks: ["bounds"],
  },
  {
    name: "owners-never-forgotten",
    why: "every client that ever asked for something is remembered in memory",
    edits: [
      inFile("src/core/ordering/pending_requests.ts")(
        "    this.#perOwner.delete(owner);\n",
        "",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "replaced-bodies-stay",
    why: "the body of what was accepted before stays in the store when a later view has another batch there",
    edits: [
      inFile("src/node/storage/record_writer.ts")(
        "    if (before !== undefined) this.#release(writes, before);\n",
        "    void before;\n",
      ),
    ],
    breaks: ["bounds", "reload"],
  },
  {
    name: "null-requests-without-end",
    why: "a primary with nothing to order gives out null requests",
    edits: [normal("    if (requests.length === 0 && !isFilling) return;\n", "")],
    breaks: ["calm", "watermarks"],
  },
  {
    name: "leaves-again-for-the-same-view",
    why:
      "who has lost its disk leaves for the view for which it had left before, with another view-change (TOCS §4.3.2)",
    edits: [lost("waitIn(step, (left + 1) as View)", "waitIn(step, left as View)")],
    breaks: ["self-consistency"],
  },
];
