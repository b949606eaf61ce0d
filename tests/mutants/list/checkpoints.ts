/**
 * Checkpoints, watermarks and state transfer (PBFT §4.3, §5.3).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const checkpoint = inFile("src/core/checkpoints/checkpoint.ts");
const watermarks = inFile("src/core/checkpoints/watermarks.ts");
const sealing = inFile("src/core/sealing/sealing.ts");
const normal = inFile("src/core/ordering/normal_case.ts");
const transfer = inFile("src/core/checkpoints/state_transfer.ts");
const log = inFile("src/core/ordering/message_log.ts");
const retransmission = inFile("src/core/upkeep/retransmission.ts");

/** What a stable checkpoint is, and how one gets there. */
export const CHECKPOINTS: readonly Mutant[] = [
  {
    name: "checkpoint-stable-with-f",
    why: "f checkpoint messages make it stable: liars alone can (§4.3)",
    edits: [
      checkpoint("if (same.length < step.quorum) continue;", "if (same.length < step.f) continue;"),
      {
        file: "src/core/messages/certificates.ts",
        find:
          "return certificate.length >= quorum(genesis.replicas.length) && first.sequence > (genesis.start?.sequence ?? 0) &&",
        replace: "return first.sequence > (genesis.start?.sequence ?? 0) &&",
      },
    ],
    breaks: ["certificates"],
  },
  {
    name: "checkpoint-stable-with-f-1",
    why: "f + 1 checkpoint messages make it stable: a view change may find nobody who has it (§4.3)",
    edits: [checkpoint("if (same.length < step.quorum) continue;", "if (same.length < step.f + 1) continue;")],
    breaks: ["certificates"],
  },
  {
    name: "checkpoints-of-any-digest",
    why: "checkpoints with different digests count together (§4.3)",
    edits: [
      checkpoint(
        "    byDigest.set(digest, [...byDigest.get(digest) ?? [], checkpoint]);",
        '    const any = "" as typeof digest;\n    byDigest.set(any, [...byDigest.get(any) ?? [], checkpoint]);',
      ),
    ],
    breaks: ["certificates"],
  },
  {
    name: "stable-certificate-of-doubled",
    why: "one replica's checkpoint counts as often as it stands in a certificate (§4.3)",
    edits: [{
      file: "src/core/messages/certificates.ts",
      find: "m.digest === first.digest) &&\n    areDistinct(certificate.map(({ message }) => message.replica));",
      replace: "m.digest === first.digest);",
    }],
    breaks: ["certificates"],
  },
  {
    name: "checkpoint-never-stable",
    why: "the watermarks never move (§4.3)",
    edits: [
      checkpoint("  checkStable(step, sequence);\n  if (state.ahead &&", "  if (state.ahead &&"),
      checkpoint("  keep(step, checkpoint);\n  checkStable(step, sequence);\n}\n", "  keep(step, checkpoint);\n}\n"),
    ],
    breaks: ["liveness"],
  },
  {
    name: "log-never-collected",
    why: "what is below the low watermark is kept for ever (§4.3)",
    edits: [
      log("for (const sequence of [...this.#slots.keys()]) if (sequence <= low) this.#slots.delete(sequence);", ""),
    ],
    breaks: ["bounds", "watermarks"],
  },
  {
    name: "high-watermark-not-enforced",
    why: "a pre-prepare above the high watermark is accepted: a liar uses up the numbers, and memory (§4.2)",
    edits: [log("return sequence > this.#low && sequence <= this.high;", "return sequence > this.#low;")],
    breaks: ["watermarks", "bounds"],
  },
  {
    name: "low-watermark-not-enforced",
    why: "a replica proposes above the high watermark: what is there has no room anywhere (§4.2)",
    edits: [
      normal("depthOf(step) && state.lastProposed < state.log.high)", "depthOf(step))"),
    ],
    breaks: ["watermarks", "no-halt"],
  },
  {
    name: "client-table-not-in-the-checkpoint",
    why:
      "the client table is not in the state that is checkpointed and transferred: what was executed is executed again (§4.3)",
    edits: [
      {
        file: "src/core/sealing/freezing.ts",
        find: "  clients.freeze();\n",
        replace: "  clients.freeze();\n  while (clients.nextFrozen());\n",
      },
    ],
    breaks: ["exactly-once", "determinism", "integrity", "service", "reload"],
  },
  {
    name: "table-not-restored-by-transfer",
    why: "after a state transfer the client table is the old one (§5.3)",
    edits: [transfer("  state.clients.restore(clientChunks(staged));\n", "")],
    breaks: ["exactly-once", "determinism", "integrity", "service"],
  },
  {
    name: "transferred-time-forgotten",
    why: "the agreed time is not taken over with the state (§5.3)",
    edits: [transfer("  skipTime(step, root.agreedTime);\n", "")],
    breaks: ["integrity", "agreed-time", "reload"],
  },
  {
    name: "transferred-history-forgotten",
    why: "the history is not taken over with the state (§5.3)",
    edits: [transfer("  state.history = root.history;\n", "")],
    breaks: ["integrity", "durability", "reload"],
  },
  {
    name: "transfer-never-switches",
    why: "a source that does not answer is waited for, for ever (§5.3)",
    edits: [
      {
        file: "src/core/checkpoints/peer_selection.ts",
        find: "([, { until }]) => step.now >= until);",
        replace: "([, { until }]) => step.now < 0 && step.now >= until);",
      },
    ],
    breaks: ["liveness"],
  },
  {
    name: "transfer-never-started",
    why: "a replica below the others' low watermark stays there (§5.3)",
    edits: [
      checkpoint(
        "if (state.transfer || sequence > state.log.high || isStuck) startTransfer(step, certificate);",
        "if (state.transfer) startTransfer(step, certificate);",
      ),
      retransmission("  if (ahead && stableSequence(ahead) > lastExecuted) startTransfer(step, ahead);\n", ""),
    ],
    breaks: ["liveness"],
  },
  {
    name: "status-never-sent",
    why: "nobody says what it lacks, so that what was lost stays lost (§5.2)",
    edits: [retransmission("    sendStatus(step);\n    repeatSuspicion(step);\n", "    repeatSuspicion(step);\n")],
    breaks: ["liveness"],
  },
  {
    name: "decisions-not-resent",
    why: "a replica that was away is not told what was decided (§5.2)",
    edits: [
      retransmission(
        "    return resend(slot.proof);\n",
        "    return;\n",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "stable-checkpoints-not-resent",
    why: "a replica below the low watermark is not told of the checkpoint (§5.2)",
    edits: [
      retransmission(
        "if (stable < state.log.low && state.stable.length > 0) {",
        "if (stable > state.log.low && state.stable.length > 0) {",
      ),
    ],
    breaks: ["liveness"],
  },
  {
    name: "bodies-never-asked-again",
    why: "what one replica did not have is not asked of another",
    edits: [
      {
        file: "src/core/checkpoints/fetches.ts",
        find: "    for (const digest of digests) noteTried(step, digest, peer);\n    fetches.hasNews = true;\n",
        replace: "    void [digests, peer];\n",
      },
    ],
    breaks: ["liveness"],
  },
  {
    name: "bodies-asked-of-one-only",
    why: "what was asked for in vain is asked for at the same replica, which may not have it",
    edits: [
      {
        file: "src/core/checkpoints/fetches.ts",
        find: "  if (tried && (tried.by.has(peer) || step.now < tried.askAt)) return false;\n",
        replace: "  if (tried && step.now < tried.askAt) return false;\n",
      },
    ],
    breaks: ["liveness"],
  },
  {
    name: "frozen-chunk-not-copied",
    why: "a chunk of a checkpoint in slices has what was executed after its number (§4.3)",
    edits: [{
      file: "src/core/tree/leaf_map.ts",
      find: "entries: leaf.entries.slice() };",
      replace: "entries: leaf.entries };",
    }],
    breaks: ["integrity", "determinism", "no-halt", "liveness", "order"],
  },
  {
    name: "checkpoint-before-its-last-slice",
    why: "the checkpoint is on record, and its message leaves, before all of its blobs are stored (§4.3)",
    edits: [sealing('  if (blobs.size > 0) step.persist({ kind: "blobs", blobs });\n', "")],
    breaks: ["reload", "integrity", "no-halt", "liveness"],
  },
  {
    name: "store-never-collected",
    why: "what is below the low watermark stays in the store for ever (§4.3)",
    edits: [watermarks('  step.persist({ kind: "forget", through: sequence });\n', "")],
    breaks: ["bounds"],
  },
  {
    name: "blobs-never-dropped",
    why: "the states of old checkpoints stay in the store for ever (§4.3)",
    edits: [watermarks("  dropRetired(step, sequence);\n", "")],
    breaks: ["bounds"],
  },
];
