/**
 * Persist, then speak: the node, its store, and what a restart finds.
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const path = inFile("src/node/durable/commit/commit_path.ts");
const commits = inFile("src/node/durable/commit/group_commit.ts");
const records = inFile("src/core/records.ts");
const book = inFile("src/node/storage/record_writer.ts");
const normal = inFile("src/core/ordering/normal_case.ts");
const change = inFile("src/core/views/view_change.ts");
const recovery = inFile("src/core/recovery/rebuild.ts");
const kept = inFile("src/node/durable/kept_inputs.ts");
const reading = inFile("src/node/storage/opening.ts");
const lost = inFile("src/core/recovery/lost_disk.ts");
const filling = inFile("src/core/recovery/log_filling.ts");
const suspicion = inFile("src/core/views/view_timer.ts");
const retransmission = inFile("src/core/upkeep/retransmission.ts");

/** What must be durable, when, and what is done with it. */
export const NODE: readonly Mutant[] = [
  {
    name: "speaks-before-it-persists",
    why: "messages leave before the records that bind the replica are durable",
    edits: [
      path(
        "    this.group.add({ task, ready: this.#replyEarly(ready, now), now, urgency });\n",
        "    this.group.add({ task, ready: { ...ready, messages: [] }, now, urgency });\n    this.#options.release({ ...ready, replies: [], answers: [] }, now);\n",
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "replies-before-the-commit",
    why: "a client is told a result before it is durable",
    edits: [
      path(
        "    this.group.add({ task, ready: this.#replyEarly(ready, now), now, urgency });\n",
        "    this.group.add({ task, ready: { ...ready, replies: [] }, now, urgency });\n    this.#options.release({ ...ready, messages: [], answers: [], events: [] }, now);\n",
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "never-waits-for-the-store",
    why: "the commit is begun, and its end not waited for",
    edits: [
      commits(
        "      this.version = await store.commit(writes, this.version);\n",
        "      const expected = this.version++;\n      store.commit(writes, expected).catch(() => {});\n      await Promise.resolve();\n",
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "store-conflict-ignored",
    why: "an instance whose commit was refused goes on as if it had been made",
    edits: [
      commits(
        "      this.#done = this.#running = null;\n      return onFailure(error, stepped);",
        '      if ((error as Error).name === "StoreConflictError") this.version++;\n      else {\n        this.#done = this.#running = null;\n        return onFailure(error, stepped);\n      }',
      ),
    ],
    breaks: ["write-ahead", "bounds"],
  },
  {
    name: "store-version-not-expected",
    why: "commits are not conditional: two instances of one replica both go on",
    edits: [{
      file: "src/testing/hosts/disk.ts",
      find: "if (this.version !== expected) throw new StoreConflictError(expected, this.version);",
      replace: "",
    }],
    breaks: ["store", "self-consistency", "write-ahead", "no-halt", "reload", "bounds"],
  },
  {
    name: "failed-commit-keeps-the-state",
    why: "after a failed commit the replica goes on with what the store does not have",
    edits: [
      path(
        "      onFailure: (error, stepped) => options.onFailure(error, stepped),",
        "      onFailure: (_, stepped) => this.#release(stepped),",
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "accepted-not-binding",
    why: "the prepare is sent before the pre-prepare it stands for is durable",
    edits: [
      records('    case "accepted":\n    case "prepared":', '    case "prepared":'),
      records(
        '    case "committed":\n    case "clock":',
        '    case "accepted":\n    case "committed":\n    case "clock":',
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "prepared-not-binding",
    why: "the commit is sent before the certificate is durable",
    edits: [
      records('    case "prepared":\n    case "checkpoint":', '    case "checkpoint":'),
      records(
        '    case "committed":\n    case "clock":',
        '    case "prepared":\n    case "committed":\n    case "clock":',
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "view-not-binding",
    why: "a view-change is sent before it is durable: after a restart the replica votes in the view that it has left",
    edits: [
      records('    case "view":\n    case "suspicion":', '    case "suspicion":'),
      records(
        '    case "committed":\n    case "clock":',
        '    case "view":\n    case "committed":\n    case "clock":',
      ),
    ],
    breaks: ["write-ahead"],
  },
  {
    name: "accepted-not-recorded",
    why: "what was accepted is not in the store at all",
    edits: [normal('  step.persist({ kind: "accepted", prePrepare, batch });\n', "")],
    breaks: ["write-ahead"],
  },
  {
    name: "prepared-not-recorded",
    why: "what has prepared is not in the store at all",
    edits: [normal('  step.persist({ kind: "prepared", prePrepare, prepares });\n', "")],
    breaks: ["write-ahead"],
  },
  {
    name: "view-not-recorded",
    why: "that a view was left is not in the store at all",
    edits: [change('  step.persist({ kind: "view", view: to, viewChange, newView: null });\n', "")],
    breaks: ["write-ahead"],
  },
  {
    name: "new-view-not-recorded",
    why: "that a view has started is not in the store at all",
    edits: [change('  step.persist({ kind: "view", view, viewChange: state.viewChange, newView });\n', "")],
    breaks: ["write-ahead", "reload"],
  },
  {
    name: "view-forgotten-at-a-restart",
    why: "a restarted replica begins in view 0",
    edits: [recovery("    view: storedState.view,\n", "    view: 0 as typeof storedState.view,\n")],
    breaks: ["self-consistency", "view-changes", "reload"],
  },
  {
    name: "accepted-forgotten-at-a-restart",
    why: "a restarted replica accepts something else where it had accepted a batch",
    edits: [recovery("    slot.prePrepare = prePrepare;\n    slot.batch = batch;\n", "")],
    breaks: ["self-consistency", "no-halt", "reload"],
  },
  {
    name: "restarted-primary-proposes-anew",
    why: "a restarted primary gives numbers that it had given before",
    edits: [recovery("    if (sequence > state.lastProposed) state.lastProposed = sequence;\n", "")],
    breaks: ["self-consistency", "reload"],
  },
  {
    name: "table-forgotten-at-a-restart",
    why: "a restarted replica has no client table: it runs again what was executed",
    edits: [recovery("  state.clients.restore(clientChunks(chunks));\n", "")],
    breaks: ["determinism", "exactly-once", "integrity", "service", "reload"],
  },
  {
    name: "history-forgotten-at-a-restart",
    why: "a restarted replica's history begins anew",
    edits: [recovery("  state.history = root.history;\n", "")],
    breaks: ["integrity", "durability", "reload"],
  },
  {
    name: "time-forgotten-at-a-restart",
    why: "a restarted replica's agreed time begins anew",
    edits: [recovery("  state.agreedTime = root.agreedTime;\n", "")],
    breaks: ["integrity", "determinism", "agreed-time", "reload"],
  },
  {
    name: "body-dropped-too-early",
    why: "a batch's body goes although another record still names it",
    edits: [book("    if (uses > 0) {\n      this.#referenceCounts.set(digest, uses);\n      return;\n    }\n", "")],
    breaks: ["no-halt", "reload"],
  },
  {
    name: "kept-votes-lost",
    why: "votes are not kept where the host may stop the replica between any two messages: they never add up",
    edits: [kept("    if (isKept(input) && !wasRefused && !this.#isContained(input)) this.#put(input, writes);\n", "")],
    breaks: ["liveness", "reload"],
  },
  {
    name: "kept-commits-dropped-too-early",
    why: "commits are dropped from the store when their number is prepared, and an instance that starts then has none",
    edits: [
      kept(
        '    if (record.kind === "prepared") this.#dropPrepares(record.prePrepare.message, writes);\n',
        '    if (record.kind === "prepared") this.#dropVotes("commit", record.prePrepare.message.sequence, writes);\n',
      ),
    ],
    breaks: ["reload", "liveness"],
  },
  {
    name: "replies-before-the-certificate",
    why:
      "a reply is sent while the prepared certificate of its batch is not durable: a crash of all forgets what a client has accepted",
    edits: [commits("[...this.#underWay, ...this.#stepped].some", "this.#stepped.some")],
    breaks: ["write-ahead"],
  },
  {
    name: "kept-timers-lost",
    why: "where the host stops the replica between any two messages its patience begins anew each time",
    edits: [reading("      ...(kept.timers && { timers: kept.timers }),\n", "")],
    breaks: ["liveness", "reload"],
  },
  {
    name: "kept-inputs-never-pruned",
    why: "kept votes stay in the store for ever",
    edits: [kept('    if (record.kind === "forget") {', '    if (record.kind === "forget" && record.through < 0) {')],
    breaks: ["bounds", "reload"],
  },
  {
    name: "lost-disk-votes",
    why: "a replica without a memory votes at once, perhaps against what it said before (TOCS §4.3.2)",
    edits: [recovery("    lostDisk: storedState.lostDisk ?? null,\n", "    lostDisk: null,\n")],
    breaks: ["self-consistency"],
  },
  {
    name: "lost-disk-bound-too-low",
    why: "it votes again at the others' stable checkpoint, within the window that it may have voted in (TOCS §4.3.2)",
    edits: [
      lost(
        "Math.min(...credible) + step.env.genesis.logWindow as SequenceNumber",
        "Math.min(...credible) as SequenceNumber",
      ),
    ],
    breaks: ["self-consistency"],
  },
  {
    name: "lost-disk-believes-one",
    why: "one peer's word is enough for the bound: a liar's is too low (TOCS §4.3.2)",
    edits: [lost("length >= step.quorum - 1 &&", "length >= 0 &&"), lost("length >= step.f;", "length >= 0;")],
    breaks: ["self-consistency"],
  },
  {
    name: "lost-disk-never-recovers",
    why: "an idle log is not filled up to the bound",
    edits: [filling("  filling.through = votesAbove;\n", "")],
    breaks: ["liveness"],
  },
  {
    name: "unfilled-log-not-minded",
    why: "a primary that does not fill an idle log for one who has lost its disk stays",
    edits: [suspicion(" || isUnfilled(step)", "")],
    breaks: ["liveness"],
  },
  {
    name: "unfilled-log-not-passed-on",
    why: "a primary that was not told what it is to do is replaced for it",
    edits: [retransmission("  passOnFilling(step);\n", "")],
    breaks: ["liveness", "calm"],
  },
  {
    name: "late-view-halts",
    why: "what a later view has decided is held against a view that starts late",
    edits: [change("slot.decision.every(({ message }) => message.view >= view)", "false")],
    breaks: ["agreement", "no-halt"],
  },
  {
    name: "evidence-forgotten",
    why: "what convicts a liar is lost in a restart",
    edits: [recovery("    evidence: new Evidence(storedState.evidence),\n", "    evidence: new Evidence(),\n")],
    breaks: ["reload", "evidence"],
  },
];
