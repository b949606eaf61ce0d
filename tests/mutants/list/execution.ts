/**
 * Execution, the client table and agreed time (PBFT §4.1, §4.2).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const execution = inFile("src/core/ordering/execution.ts");
const table = inFile("src/core/clients/client_table.ts");
const names = inFile("src/core/clients/client_names.ts");
const room = inFile("src/core/clients/client_room.ts");
const normal = inFile("src/core/ordering/normal_case.ts");
const pending = inFile("src/core/ordering/pending_requests.ts");
const replies = inFile("src/core/clients/stored_replies.ts");

/** One order, each request once, and the same answer always. */
export const EXECUTION: readonly Mutant[] = [
  {
    name: "gap-in-execution",
    why: "what is committed is executed although a number below it is not (§4.2)",
    edits: [
      execution(
        "const slot = state.log.find(state.lastExecuted + 1);\n    if (!slot || slot.committed === null) return;",
        "let slot = state.log.find(state.lastExecuted + 1);\n    if (!slot || slot.committed === null) slot = state.log.find(state.lastExecuted + 2);\n    if (!slot || slot.committed === null) return;",
      ),
      execution(
        '  invariant(\n    slot.sequence === state.lastExecuted + 1,\n    "execution-order",\n    `${slot.sequence} is executed after ${state.lastExecuted}`,\n  );\n',
        "",
      ),
    ],
    breaks: ["order"],
  },
  {
    name: "executed-when-prepared",
    why: "a batch is executed once it is prepared, before a quorum has it (§4.2)",
    edits: [
      normal(
        "  sendCommit(step, slot, view, digest);\n  checkCommitted(step, slot, { view, digest });",
        "  sendCommit(step, slot, view, digest);\n  decide(step, slot, [...slot.commits.values()]);",
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "operations-backwards",
    why: "a request's operations are run from the last to the first, at all replicas alike (§4.1)",
    edits: [
      execution(
        "return message.operations.map((operation) => bounded(() => run(step, place, operation, message.client)));",
        "return message.operations.toReversed().map((operation) =>\n        bounded(() => run(step, place, operation, message.client))\n      ).reverse();",
      ),
    ],
    breaks: ["validity"],
  },
  {
    name: "retransmissions-run-again",
    why: "a request that was executed is executed again when it is ordered again (§4.1)",
    edits: [
      table(
        "    const stored = session.replies.get(request.timestamp);\n    if (stored) return stored.digest === digest ? stored.results : refuseReused(request, stored);\n    if (request.timestamp < session.lowestUnanswered)",
        "    if (request.timestamp < session.lowestUnanswered)",
      ),
    ],
    breaks: ["exactly-once"],
  },
  {
    name: "vouched-replays-run-again",
    why: "an unsigned client's operation is executed again when a gateway has it ordered again (§4.1)",
    edits: [
      names("    if (remembered) return remembered;\n", ""),
    ],
    breaks: ["exactly-once"],
  },
  {
    name: "replay-below-the-window-accepted",
    why: "a request that its client has acknowledged, and of which nothing is remembered, runs again (§4.1)",
    edits: [
      table(
        '    if (request.timestamp < session.lowestUnanswered) return refuse(request, "stale-timestamp", UNORDERED);\n',
        "",
      ),
    ],
    breaks: ["exactly-once"],
  },
  {
    name: "evicted-clients-run-again",
    why: "a request of a session that is gone opens it again: its old requests run twice",
    edits: [
      table('if (!session) return refuse(request, "unknown-session", UNORDERED);', "if (!session) return run();"),
    ],
    breaks: ["exactly-once", "validity"],
  },
  {
    name: "two-operations-under-one-timestamp",
    why: "another request under a used timestamp gets the first one's reply",
    edits: [
      table(
        "    session.lastUsed = at.timestamp;\n    const stored = session.replies.get(request.timestamp);\n    if (stored) return stored.digest === digest ? stored.results : refuseReused(request, stored);",
        "    session.lastUsed = at.timestamp;\n    const stored = session.replies.get(request.timestamp);\n    if (stored) return stored.results;",
      ),
    ],
    breaks: ["exactly-once"],
  },
  {
    name: "cached-reply-of-another",
    why: "the stored reply to another request is given (§4.1)",
    edits: [
      table(
        "    if (stored) return stored.digest === digest ? stored.results : refuseReused(request, stored);\n    return request.timestamp",
        "    if (stored) return [...session.replies.values()][0]!.results;\n    return request.timestamp",
      ),
    ],
    breaks: ["exactly-once"],
  },
  {
    name: "window-unbounded",
    why: "a session remembers replies to any number of timestamps",
    edits: [
      table(
        "if (request.timestamp >= session.lowestUnanswered + this.#limits.sessionWindow) {",
        "if (request.timestamp > Number.MAX_SAFE_INTEGER) {",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "sessions-unbounded",
    why: "a client that opens sessions without end fills the table",
    edits: [
      table(
        "const { maxSessions, sessionIdleMs } = this.#limits;",
        "const { sessionIdleMs } = this.#limits;\n    const maxSessions = Infinity;",
      ),
    ],
    breaks: ["bounds", "service"],
  },
  {
    name: "busy-sessions-evicted",
    why: "a flood of new sessions evicts those that are at work",
    edits: [room("if (first && first[1].lastUsed + idleMs > now) return null;", "")],
    breaks: ["service", "liveness", "exactly-once"],
  },
  {
    name: "replies-in-order-of-arrival",
    why: "the client table's bytes depend on the order in which it was filled (§4.3)",
    edits: [replies("[...replies].sort(([a], [b]) => a - b).map(", "[...replies].reverse().map(")],
    breaks: ["integrity"],
  },
  {
    name: "table-changes-not-noted",
    why: "a session's changes are not in the next checkpoint (§4.3)",
    edits: [
      table(
        "    this.#changed.touch(keyOf(session));\n    this.#acknowledge(session, request);\n",
        "    this.#acknowledge(session, request);\n",
      ),
    ],
    breaks: ["integrity", "exactly-once", "determinism", "service"],
  },
  {
    name: "time-runs-backwards",
    why: "agreed time follows the primary's clock, also back",
    edits: [
      execution(
        "state.agreedTime = Math.max(before, batch.timestamp) as Millis;",
        "state.agreedTime = batch.timestamp;",
      ),
    ],
    breaks: ["agreed-time"],
  },
  {
    name: "null-requests-reset-time",
    why: "a null request's time, 0, becomes the agreed one",
    edits: [
      execution(
        "  if (batch.requests.length > 0) {\n    state.agreedTime = Math.max(before, batch.timestamp) as Millis;",
        "  {\n    state.agreedTime = batch.timestamp;",
      ),
    ],
    breaks: ["agreed-time"],
  },
  {
    name: "local-clock-as-time",
    why: "operations see the replica's own clock",
    edits: [
      execution(
        "state.agreedTime = Math.max(before, batch.timestamp) as Millis;",
        "state.agreedTime = Math.max(before, step.now) as Millis;",
      ),
    ],
    breaks: ["agreed-time"],
  },
  {
    name: "wild-timestamps-accepted",
    why: "backups do not measure the primary's timestamp against their clocks",
    edits: [
      normal(
        "if (!carried && batch.timestamp > ceiling(step) &&",
        "if (carried && batch.timestamp > Infinity + ceiling(step) &&",
      ),
    ],
    breaks: ["agreed-time"],
  },
  {
    name: "history-not-chained",
    why: "the history is the last batch's digest, not a chain over all of them",
    edits: [execution("env.hash(env.pack([state.history, batch.digest]))", "env.hash(env.pack([batch.digest]))")],
    breaks: ["integrity", "durability"],
  },
  {
    name: "pending-bound-ignored",
    why: "any number of requests may wait",
    edits: [
      pending("if (count >= maxPendingPerClient) return null;", "if (count >= 2 ** 30) return null;"),
      pending("while (this.#byKey.size >= maxPendingRequests)", "while (this.#byKey.size >= 2 ** 30)"),
    ],
    breaks: ["bounds"],
  },
  {
    name: "body-replaced",
    why: "the body that is executed is the one that came last, not the one that is committed",
    edits: [
      normal(
        "  slot.batch = batch.digest === digest ? batch : null;\n",
        "  slot.batch ??= digest === nullBatch(step.env).digest ? batch : slot.waiting?.batch ?? null;\n",
      ),
      execution(
        "if (slot.batch?.digest !== slot.committed) return askForBody(step, slot.committed);",
        "if (!slot.batch) return askForBody(step, slot.committed);",
      ),
    ],
    breaks: ["agreement", "certificates"],
  },
  {
    name: "idle-primary-never-proposes-the-rest",
    why: "requests that arrive while a batch is under way wait until one fills up",
    edits: [
      normal(
        "    if (state.lastProposed > state.lastExecuted && !nextIsHalfFull(step) && !isFilling) return;\n",
        "    if (state.lastProposed > 0 && !nextIsHalfFull(step) && !isFilling) return;\n",
      ),
    ],
    breaks: ["liveness", "calm"],
  },
];
