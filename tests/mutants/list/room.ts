/**
 * Room that is taken and not given back, and room without an end: what shows where buffers are small, or once everything has come to rest.
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const gateway = inFile("src/node/gateway/gateway.ts");
const inbox = inFile("src/node/in/queues/inbox.ts");
const outbox = inFile("src/node/out/outbox_queue.ts");
const pending = inFile("src/core/ordering/pending_requests.ts");
const names = inFile("src/core/clients/client_names.ts");
const clients = inFile("src/core/clients/client_room.ts");
const waiters = inFile("src/node/gateway/waiters.ts");

/** Buffers. */
export const ROOM: readonly Mutant[] = [
  {
    name: "inbox-frames-not-given-back",
    why: "a frame that is answered still counts: in the end nothing is taken in",
    edits: [inbox("    this.#frames--;\n", "")],
    breaks: ["bounds", "liveness", "calm"],
  },
  {
    name: "inbox-bytes-not-given-back",
    why: "the bytes of a frame that is answered still count: in the end nothing is taken in",
    edits: [inbox("    this.#bytes -= frame.length;\n", "")],
    breaks: ["bounds", "liveness", "calm"],
  },
  {
    name: "inbox-frames-unbounded",
    why: "frames are taken in without end",
    edits: [inbox("this.#frames >= maxInboxFrames || ", "")],
    breaks: ["bounds"],
  },
  {
    name: "who-gives-up-still-counts",
    why: "whoever does not wait any more takes the place of somebody who would",
    edits: [
      waiters("    this.#size--;\n    if (entry.resolvers.size === 0)", "    if (entry.resolvers.size === 0)"),
    ],
    breaks: ["bounds", "liveness", "service"],
  },
  {
    name: "what-nobody-waits-for-is-kept",
    why: "a request is kept for those who wait for it when nobody does any more",
    edits: [waiters("    if (entry.resolvers.size === 0) this.#entries.delete(entry.asked.digest);\n", "")],
    breaks: ["bounds"],
  },
  {
    name: "who-is-answered-still-counts",
    why: "whoever has an answer takes the place of somebody who waits",
    edits: [waiters("    this.#size -= entry.resolvers.size;\n", "")],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "gateway-operations-not-given-back",
    why: "operations that are answered still count: in the end a gateway takes none",
    edits: [gateway("    this.#operations -= operations.length;\n", "")],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "gateway-bytes-not-given-back",
    why: "the bytes of operations that are answered still count",
    edits: [gateway("    this.#bytes -= bytes;\n", "")],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "gateway-bundles-stay",
    why: "a bundle that is answered stays under way: in the end a gateway sends no more",
    edits: [gateway("    this.#inFlight.delete(digest);\n", "")],
    breaks: ["bounds", "liveness"],
  },
  {
    name: "gateway-bundles-unbounded",
    why: "any number of bundles is under way at once",
    edits: [
      gateway(
        "while (this.#waiting.length > 0 && this.#inFlight.size < this.#options.limits.maxBundlesInFlight)",
        "while (this.#waiting.length > 0)",
      ),
    ],
    breaks: ["bounds"],
  },
  {
    name: "gateway-operations-unbounded",
    why: "any number of operations waits at a gateway",
    edits: [gateway("this.#operations + count <= limits.maxGatewayOperations && ", "")],
    breaks: ["bounds"],
  },
  {
    name: "gateway-takes-one-vote",
    why: "a gateway believes the first replica that answers: one may lie (§4.1)",
    edits: [gateway("    if (agreeing.length < this.#needed) return;\n", "")],
    breaks: ["durability", "linearizability", "exactly-once", "service"],
  },
  {
    name: "gateway-counts-any-answers",
    why: "different results of different replicas count together",
    edits: [
      gateway(
        "new Tally(({ results }, other) => equalResults(results, other.results))",
        "new Tally(() => true)",
      ),
    ],
    breaks: ["durability", "linearizability", "exactly-once", "service"],
  },
  {
    name: "pending-bytes-not-given-back",
    why: "requests that are executed still take up room: in the end no more are taken",
    edits: [
      pending("    this.#bytes -= bytes;\n    if (!entry.proposed)", "    if (!entry.proposed)"),
    ],
    breaks: ["bounds", "liveness", "calm"],
  },
  {
    name: "outbox-frames-unbounded",
    why: "any number of frames waits for a peer",
    edits: [outbox("this.#waiting.length > maxOutboxFrames || ", "")],
    breaks: ["bounds"],
  },
  {
    name: "outbox-bytes-not-given-back",
    why: "what was sent still counts: in the end nothing waits for a peer but the last frame",
    edits: [
      outbox(
        "for (const one of this.#waiting.splice(0, count)) this.#uncount(one);",
        "for (const one of this.#waiting.splice(0, count)) { this.#uncount(one); this.#bytes += one.frame.length; }",
      ),
    ],
    breaks: ["bounds", "liveness", "calm"],
  },
  {
    name: "deliveries-of-any-length",
    why: "a delivery has more frames than it may",
    edits: [outbox("const most = Math.min(this.#waiting.length, maxFrames);", "const most = this.#waiting.length;")],
    breaks: ["bounds"],
  },
  {
    name: "deliveries-of-any-size",
    why: "a delivery has more bytes than it may",
    edits: [
      outbox("while (count < most && bytes + this.#waiting[count]!.frame.length <= maxBytes)", "while (count < most)"),
    ],
    breaks: ["bounds"],
  },
  {
    name: "names-unbounded",
    why: "any number of names is remembered",
    edits: [
      names("if (!known && !this.#hasRoom(at)) return", "if (!known && !this.#hasRoom(at) && at.sequence < 0) return"),
    ],
    breaks: ["bounds"],
  },
  {
    name: "sessions-never-give-way",
    why: "idle sessions stay for ever: new clients are refused",
    edits: [
      clients("if (!found) return false;", "if (found) return false;"),
    ],
    breaks: ["liveness", "service"],
  },
];
