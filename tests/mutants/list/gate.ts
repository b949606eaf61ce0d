/**
 * The gate: signatures, digests, membership (PBFT §2, §4.2).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const gate = inFile("src/node/in/gate.ts");
const signatures = inFile("src/node/in/signatures.ts");
const queries = inFile("src/core/upkeep/queries.ts");

/** What must not pass. */
export const GATE: readonly Mutant[] = [
  {
    name: "kind-not-signed",
    why: "a signature under a prepare is good for a commit (domain separation)",
    edits: [{
      file: "src/wire/messages/domain.ts",
      find: "writer.text(kind);",
      replace: 'writer.text("");\n  void kind;',
    }],
    breaks: ["authenticity"],
  },
  {
    name: "cluster-not-signed",
    why: "a signature from another cluster is good in this one",
    edits: [{
      file: "src/wire/messages/domain.ts",
      find: "writer.hex32(cluster);",
      replace: 'writer.hex32("0".repeat(64) as typeof cluster);\n  void cluster;',
    }],
    breaks: ["authenticity"],
  },
  {
    name: "signatures-not-checked",
    why: "anybody speaks in anybody's name",
    edits: [
      signatures(
        "if (!this.#options.verifier.verify(signer, message.kind, bytes, signature)) {",
        "if (!this.#options.verifier.verify(signer, message.kind, bytes, signature) && signature.length === 0) {",
      ),
    ],
    breaks: ["authenticity", "validity"],
  },
  {
    name: "nested-view-changes-not-checked",
    why: "a new-view's view-changes are believed on its primary's word",
    edits: [
      gate("      yield* this.#viewChange(viewChange);\n", ""),
    ],
    breaks: ["authenticity"],
  },
  {
    name: "nested-votes-not-checked",
    why: "a view-change's certificates are believed on its sender's word",
    edits: [
      gate(
        "yield* this.#all([...suspicions, ...stable, ...votes], (vote) =>",
        "yield* this.#all((votes, [...suspicions, ...stable]), (vote) =>",
      ),
    ],
    breaks: ["authenticity"],
  },
  {
    name: "nested-commits-not-checked",
    why: "a decision's commits are believed on its sender's word",
    edits: [
      gate("        yield* this.#all(decision.message.commits, (commit) => this.#signatures.verify(commit));\n", ""),
    ],
    breaks: ["authenticity"],
  },
  {
    name: "nested-checkpoints-not-checked",
    why: "a stable checkpoint's certificate is believed on its sender's word",
    edits: [
      gate(
        "        yield* this.#all(stable.message.checkpoints, (checkpoint) => this.#signatures.verify(checkpoint));\n",
        "",
      ),
    ],
    breaks: ["authenticity"],
  },
  {
    name: "requests-in-batches-not-checked",
    why: "a primary orders requests that no client has signed (§4.2)",
    edits: [
      gate(
        "verified.push(this.#signatures.verifyRequest(request));",
        "verified.push({ ...request, digest: this.#hash(request.bytes) } as Verified<SignedRequest>);",
      ),
    ],
    breaks: ["validity"],
  },
  {
    name: "body-not-hashed",
    why: "a pre-prepare's body need not have its digest (§4.2)",
    edits: [
      gate(
        "    if (digest === expected) return yield* this.#batch(bytes, digest);\n",
        "    if (digest.length > 0) return yield* this.#batch(bytes, expected);\n",
      ),
    ],
    breaks: ["digests", "agreement"],
  },
  {
    name: "remembered-by-digest-alone",
    why: "what was verified once is not verified again, whatever signature it comes with",
    edits: [{
      file: "src/node/in/verified_messages.ts",
      find: "if (!known || !equalBytes(known, signature)) return false;",
      replace: "if (!known) return false;",
    }],
    breaks: ["authenticity", "validity", "evidence"],
  },
  {
    name: "query-before-prepared-is-executed",
    why: "a query is answered from a state that lacks what had prepared: reads go back in time (§5.1.3)",
    edits: [
      queries(
        "const through = sequenceNumber(Math.max(state.lastExecuted, state.log.highestPrepared()));",
        "const through = state.lastExecuted;",
      ),
    ],
    breaks: ["linearizability"],
  },
  {
    name: "query-results-in-another-order",
    why: "the answers to a query's operations change places, at all replicas alike",
    edits: [queries("results.push(result);", "results.unshift(result);")],
    breaks: ["linearizability"],
  },
  {
    name: "path-of-another-reply",
    why: "of replies that are signed together each gets the first one's path, so that nobody can verify the others",
    edits: [{
      file: "src/wire/messages/reply_tree.ts",
      find: "paths: replies.map((_, index) => pathOf(levels, index))",
      replace: "paths: replies.map(() => pathOf(levels, 0))",
    }],
    breaks: ["service"],
  },
  {
    name: "query-in-a-view-change",
    why: "a query is answered while the view does not start: what had prepared may be ordered elsewhere (§5.1.3)",
    edits: [queries('return step.isActive ? null : "view-change";', "return null;")],
    breaks: ["linearizability"],
  },
  {
    name: "query-with-a-lost-disk",
    why: "a query is answered by a replica that does not know what had prepared (TOCS §4.3.2)",
    edits: [queries('if (!step.mayVote) return "recovering";', "")],
    breaks: ["linearizability"],
  },
  {
    name: "evidence-against-the-correct",
    why: "votes of two views, which a correct replica may well say, are called a contradiction",
    edits: [
      {
        file: "src/core/messages/evidence.ts",
        find: 'const view = kind === "checkpoint" ? "" : statement.view;',
        replace: 'const view = "";',
      },
      {
        file: "src/core/ordering/normal_case.ts",
        find:
          'if (known && known.message.view === view) return compare(step, known, coming) ? "conflicting" : "duplicate";',
        replace:
          'if (known && compare(step, known, coming)) return "conflicting";\n  if (known && known.message.view === view) return "duplicate";',
      },
    ],
    breaks: ["evidence"],
  },
  {
    name: "evidence-not-kept",
    why: "a replica notices that another contradicts itself, and keeps nothing of it",
    edits: [{
      file: "src/core/upkeep/contradictions.ts",
      find: "if (step.state.evidence.add(contradiction)) {",
      replace: "if (step.state.evidence.all().length > 64) {",
    }],
    breaks: ["evidence"],
  },
  {
    name: "evidence-not-of-view-changes",
    why: "two view-changes of one replica for one view are taken for one",
    edits: [{
      file: "src/core/messages/evidence.ts",
      find: "? !equalBytes(a.bytes, b.bytes)",
      replace: "? a.bytes.length !== b.bytes.length",
    }],
    breaks: ["evidence"],
  },
];
