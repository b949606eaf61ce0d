/**
 * Lost disks, perhaps twice or while another recovers; clusters of one.
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const lost = inFile("src/core/recovery/lost_disk.ts");
const resending = inFile("src/core/upkeep/retransmission.ts");
const quorums = inFile("src/core/messages/quorum.ts");

/** Recovery. */
export const RECOVERY: readonly Mutant[] = [
  {
    name: "lost-disk-leaves-for-the-same-view",
    why: "after a lost disk it leaves for a view for which it may have left before, with another view-change",
    edits: [lost("waitIn(step, (left + 1) as View);", "waitIn(step, left as View);")],
    breaks: ["self-consistency", "view-changes", "evidence"],
  },
  {
    name: "lost-disk-does-not-leave",
    why: "after a lost disk it votes in a view that it may have left",
    edits: [lost("  if (state.view < left) waitIn(step, (left + 1) as View);\n", "")],
    breaks: ["self-consistency", "view-changes", "evidence"],
  },
  {
    name: "lost-disk-forgets-what-is-given-back",
    why: "its own old view-change, which others give back, does not count: it may leave for that view again",
    edits: [
      lost("  if (lostDisk && view > lostDisk.left) note(step, { ...lostDisk, left: view });\n", "  void lostDisk;\n"),
    ],
    breaks: ["self-consistency", "evidence"],
  },
  {
    name: "lost-disk-ends-before-the-bound",
    why: "it votes again before a checkpoint at its bound is stable (TOCS §4)",
    edits: [lost("  if (stableSequence(state.stable) < lostDisk.bound) return;\n", "")],
    breaks: ["self-consistency", "watermarks", "write-ahead", "view-changes"],
  },
  {
    name: "lost-disk-bound-without-the-window",
    why: "it takes the last checkpoint for its last vote: it may have voted a window further (TOCS §4)",
    edits: [
      lost(
        "Math.min(...credible) + step.env.genesis.logWindow as SequenceNumber",
        "Math.min(...credible) as SequenceNumber",
      ),
    ],
    breaks: ["self-consistency"],
  },
  {
    name: "own-status-counts",
    why:
      "a liar returns statuses to a replica that starts, until its own have numbers that nobody takes: it never votes again",
    edits: [resending('  if (replica === step.self) return step.discard("status", replica, "duplicate");\n', "")],
    breaks: ["no-halt", "liveness"],
  },
  {
    name: "one-replica-needs-two",
    why: "a cluster of one waits for a second vote",
    edits: [
      quorums(
        "return Math.ceil((n + maxFaulty(n) + 1) / 2);",
        "return Math.max(2, Math.ceil((n + maxFaulty(n) + 1) / 2));",
      ),
    ],
    breaks: ["liveness"],
  },
];
