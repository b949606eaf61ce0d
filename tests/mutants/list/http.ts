/**
 * The client library, and the routes and gateways that it and others call.
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const replicas = inFile("src/client/transport/replicas.ts");
const exchange = inFile("src/client/calls/exchange.ts");
const call = inFile("src/client/calls/call.ts");
const queue = inFile("src/client/calls/call_queue.ts");
const client = inFile("src/client/client.ts");
const poll = inFile("src/client/queries/poll.ts");
const queries = inFile("src/client/queries/queries.ts");
const gate = inFile("src/client/proofs/reply_gate.ts");
const gateway = inFile("src/node/gateway/gateway.ts");
const waiters = inFile("src/node/gateway/waiters.ts");
const req = inFile("src/http/routes/parse_req.ts");
const context = inFile("src/http/middleware/context.ts");
const channel = inFile("src/client/calls/channel.ts");
const budget = inFile("src/http/bodies/body_budget.ts");
const answer = inFile("src/http/routes/req.ts");
const log = inFile("src/node/watching/change_log.ts");
const stream = inFile("src/http/watch/stream.ts");
const streams = inFile("src/http/watch/streams.ts");
const tally = inFile("src/client/watch/tally.ts");
const source = inFile("src/client/watch/source.ts");
const watch = inFile("src/client/watch/open_watch.ts");

/** What callers must not believe, and what they and the routes must give back. */
export const HTTP: readonly Mutant[] = [
  {
    name: "client-takes-f-replies",
    why: "one liar decides what a client believes (§4.1)",
    edits: [replicas("this.needed = weakQuorum(this.#n);", "this.needed = weakQuorum(this.#n) - 1;")],
    breaks: ["answers", "durability", "linearizability"],
  },
  {
    name: "client-takes-replies-to-another-request",
    why: "where a proxy mixes up answers, a client believes those to an earlier request",
    edits: [gate("if (message.request !== digest) return", "if (digest === null) return")],
    breaks: ["answers", "durability", "linearizability"],
  },
  {
    name: "client-does-not-verify-replies",
    why: "a liar votes in the name of others",
    edits: [gate("if (!isSigned) {", "if (!isSigned && member.name === null) {")],
    breaks: ["answers", "durability", "linearizability"],
  },
  {
    name: "receipt-with-a-reply-too-few",
    why: "f replies prove nothing",
    edits: [exchange("agreeing.slice(0, replicas.needed)", "agreeing.slice(0, replicas.needed - 1)")],
    breaks: ["answers"],
  },
  {
    name: "client-calls-a-sent-operation-unsent",
    why: "a caller that repeats what has timed out has it executed twice",
    edits: [call('this.bundle === null ? "none" : "unknown";', '"none";'), call("this.#isQuery || ", "")],
    breaks: ["linearizability", "answers"],
  },
  {
    name: "client-never-asks-again",
    why: "after one lost answer an operation waits until it times out (§4.1)",
    edits: [exchange("if (now >= this.#retryAt) this.#retry(now);", "")],
    breaks: ["liveness", "bounds"],
  },
  {
    name: "client-has-requests-in-flight-for-ever",
    why: "after a few requests that failed or were answered a client sends no more",
    edits: [client("      session.done(timestamp);\n      this.#inFlight--;\n", "      session.done(timestamp);\n")],
    breaks: ["liveness"],
  },
  {
    name: "client-keeps-timestamps-unanswered",
    why: "the window of the session is full for ever",
    edits: [client("      session.done(timestamp);\n      this.#inFlight--;\n", "      this.#inFlight--;\n")],
    breaks: ["liveness"],
  },
  {
    name: "client-does-not-give-bytes-back",
    why: "operations that were sent still count as waiting",
    edits: [queue("if (this.#calls.delete(call)) this.#bytes -= call.operation.length;", "this.#calls.delete(call);")],
    breaks: ["bounds"],
  },
  {
    name: "client-does-not-give-places-of-queries-back",
    why: "queries that were sent still count as waiting",
    edits: [
      queries(
        "    this.#queue.delete(ask);\n    this.#count(ask, -ask.calls.size);\n",
        "    this.#queue.delete(ask);\n",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "client-asks-on-after-the-answer",
    why: "an alarm stays set for each request, which asks again for ever",
    edits: [exchange("    this.#settled = true;\n    this.#cancelAlarm();\n", "    this.#settled = true;\n")],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "query-takes-different-answers-for-equal",
    why: "the last one of a quorum decides",
    edits: [poll("return equalResults([{ ...a, sequence: b.sequence }], [b]);", "return a.status === b.status;")],
    breaks: ["linearizability"],
  },
  {
    name: "gateway-answers-after-f",
    why: "one liar decides what all callers of a gateway are told",
    edits: [
      gateway(
        "this.#needed = weakQuorum(options.genesis.replicas.length);",
        "this.#needed = weakQuorum(options.genesis.replicas.length) - 1;",
      ),
    ],
    breaks: ["answers", "linearizability"],
  },
  {
    name: "callers-that-leave-are-counted",
    why: "in the end no caller may wait",
    edits: [
      waiters(
        "    if (!entry.resolvers.delete(resolve)) return;\n    this.#size--;\n",
        "    if (!entry.resolvers.delete(resolve)) return;\n",
      ),
    ],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "gateway-ignores-the-timestamp",
    why: "what is asked again at another gateway runs twice",
    edits: [
      req(
        "fields.timestamp === undefined ? nextTimestamp(name) : parseTimestamp(fields.timestamp)",
        "parseTimestamp(nextTimestamp(name))",
      ),
    ],
    breaks: ["validity", "exactly-once", "linearizability"],
  },
  {
    name: "requests-in-progress-are-not-counted-down",
    why: "after so many requests the route refuses all",
    edits: [context("      all--;\n", "")],
    breaks: ["liveness"],
  },
  {
    name: "query-takes-f-plus-one-answers",
    why: "a liar and a replica that is behind agree on an old state: a read needs a quorum (§5.1.3)",
    edits: [channel("quorum: quorum(genesis.replicas.length),", "quorum: replicas.needed,")],
    breaks: ["linearizability"],
  },
  {
    name: "bodies-held-for-ever",
    why: "the bytes of a body that was used still count: in the end every body is refused",
    edits: [budget("        this.#bytes -= body.bytes;\n        body.bytes = 0;\n", "")],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "gateway-tells-a-rejection-as-a-result",
    why: "a caller believes that an operation was done which the state machine has rejected",
    edits: [
      answer(
        'return problem("rejected", { detail: resultText(result), more: { ...common, voters } });',
        "return json({ ...common, ...resultFields(result), voters });",
      ),
    ],
    breaks: ["answers", "linearizability"],
  },
  {
    name: "watch-believes-f",
    why: "one liar decides what those who watch are told",
    edits: [tally("this.#needed = weakQuorum(n);", "this.#needed = weakQuorum(n) - 1;")],
    breaks: ["answers"],
  },
  {
    name: "watch-takes-different-statements-for-equal",
    why: "what one of f + 1 replicas says of a number counts, whatever the others say",
    edits: [source("text: JSON.stringify(content), content", 'text: "", content')],
    breaks: ["answers"],
  },
  {
    name: "watch-goes-on-one-number-late",
    why: "whoever goes on where a watch has ended misses a change",
    edits: [watch("this.#events.length > 0 ? last : last + 1;", "this.#events.length > 0 ? last : last + 2;")],
    breaks: ["answers", "liveness"],
  },
  {
    name: "watch-goes-on-after-half-a-batch",
    why: "whoever ends a watch between two changes of a batch misses the second one",
    edits: [watch("this.#events.length > 0 ? last : last + 1;", "last + 1;")],
    breaks: ["answers"],
  },
  {
    name: "watch-never-says-what-is-missed",
    why: "numbers that are not kept any more are passed over in silence",
    edits: [
      tally(
        'return { kind: "missed", from: next, through: from - 1 };',
        'return this.#next < next ? { kind: "missed", from: next, through: from - 1 } : null;',
      ),
    ],
    breaks: ["answers"],
  },
  {
    name: "stream-tells-of-numbers-that-are-not-kept",
    why: "a replica says that numbers which it does not keep had no changes",
    edits: [stream("this.#next = Math.max(this.#next, changes.first);", "void changes.first;")],
    breaks: ["answers", "bounds", "no-exception"],
  },
  {
    name: "changes-of-undone-operations-told",
    why: "what is executed again after a reload is told twice",
    edits: [log("    if (sequence < this.next) return;\n", "")],
    breaks: ["answers", "liveness", "no-exception"],
  },
  {
    name: "streams-not-given-back",
    why: "whoever has left still counts: in the end nobody can watch",
    edits: [streams("      this.#open.delete(end);\n", "")],
    breaks: ["bounds"],
  },
];
