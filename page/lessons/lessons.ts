/** The five lessons. The names are those of the simulated members: Apple 0, Ball 1, Candy 2, Dog 3; Apple leads view 0. */
import type { LinkedAction } from "../../src/page/link.ts";
import type { Lesson } from "./lesson.ts";
import { becomes, convicts, happens, reaches, said, sent, taken, transfers } from "./moments.ts";

const [APPLE, BALL, DOG] = [0, 1, 3];

function ask(atMs: number, operation: string): LinkedAction {
  return { atMs, action: "request", operation };
}

function act(atMs: number, action: "stop" | "start" | "lie", replica: number): LinkedAction {
  return { atMs, action, replica };
}

/** The lessons, in the order in which they are best read. */
export const LESSONS: readonly Lesson[] = [
  {
    id: "one-request",
    title: "1 · One request",
    actions: [ask(1_000, "SET name Ada")],
    startMs: 990,
    untilMs: 2_000,
    steps: [
      {
        text:
          "Four replicas keep the same state. One of them may fail in any way, even lie: f = 1. Apple has the star: it is the primary of view 0. " +
          "A client is about to ask for SET name Ada. Time runs down.",
        look: { lanes: [APPLE] },
      },
      {
        text:
          "The client sends its request to f + 1 = 2 replicas, as it needs two equal answers. It has signed it, so no replica can change it.",
        look: { arrows: ["request"] },
        when: taken("request", APPLE),
      },
      {
        text: "Pre-prepare: Apple puts the request into a batch, gives it the next number, and sends it to all.",
        look: { arrows: ["pre-prepare"], lanes: [APPLE] },
        when: sent("pre-prepare", APPLE),
      },
      {
        text:
          "Prepare: each backup tells all the others which batch it accepts for this number. A correct replica does so once for a number in a view.",
        look: { arrows: ["prepare"] },
        when: sent("prepare"),
      },
      {
        text:
          "Prepared: this replica has the proposal and equal prepares of two backups. Any two groups of three have a correct replica in common, " +
          "so no other batch can prepare with this number in this view. It now sends a commit.",
        look: { arrows: ["commit"], panel: "numbers" },
        when: reaches("prepared"),
      },
      {
        text:
          "Committed: three replicas say that they have prepared. The number is decided, whatever view comes next, and the replica executes the operation.",
        look: { panel: "numbers" },
        when: reaches("executed"),
      },
      {
        text:
          "The client believes a result once f + 1 = 2 replicas have signed the same one: at least one of the two is correct. That was one request.",
        look: { arrows: ["reply"], panel: "log" },
        when: said("the client accepts"),
      },
    ],
  },
  {
    id: "dead-backup",
    title: "2 · A dead backup",
    actions: [act(1_000, "stop", DOG), ask(1_500, "SET name Ada"), act(2_500, "start", DOG)],
    startMs: 900,
    untilMs: 5_000,
    steps: [
      { text: "The same four replicas. Dog, a backup, is about to stop without a word.", look: { lanes: [DOG] } },
      {
        text: "Dog is dead. Nobody is told: to the others it is only silent.",
        look: { lanes: [DOG] },
        when: becomes("stopped", DOG),
      },
      {
        text: "A client asks. Apple proposes as always. The arrows to Dog end in ×: nobody is there.",
        look: { arrows: ["pre-prepare"] },
        when: sent("pre-prepare", APPLE),
      },
      {
        text:
          "Three replicas are a quorum of four, so the number is decided without Dog. There was no timeout, and no delay: " +
          "a dead backup costs nothing. But now one more failure would stop the cluster.",
        look: { panel: "numbers" },
        when: reaches("executed"),
      },
      {
        text: "Dog starts again. It reads its store, and says in a status how far it is.",
        look: { lanes: [DOG], arrows: ["status"] },
        when: becomes("running", DOG),
      },
      {
        text:
          "The others answer with the decision that it has missed. Its proof is a quorum of commits, so it does not matter who sends it.",
        look: { arrows: ["decision"] },
        when: taken("decision", DOG),
      },
      {
        text: "Dog has executed the same operation at the same number, and takes part again.",
        look: { lanes: [DOG], panel: "numbers" },
        when: reaches("executed", DOG),
      },
    ],
  },
  {
    id: "dead-primary",
    title: "3 · The primary dies: a view change",
    actions: [act(1_000, "stop", APPLE), ask(1_200, "SET name Ada")],
    startMs: 900,
    untilMs: 8_000,
    steps: [
      { text: "Apple gives the numbers. What if it stops?", look: { lanes: [APPLE] } },
      {
        text: "Apple is dead. The others do not know it yet.",
        look: { lanes: [APPLE] },
        when: becomes("stopped", APPLE),
      },
      {
        text:
          "A client's request reaches Ball; Apple gives no answer. A backup that has a request passes it on to the primary, and starts to wait.",
        look: { arrows: ["request"] },
        when: taken("request", BALL),
      },
      {
        text:
          "The time is over, and nothing was executed. A backup says, signed, that it suspects Apple. It still votes in view 0: one suspicion alone changes nothing.",
        look: { arrows: ["suspicion"], panel: "log" },
        when: happens("suspicion"),
      },
      {
        text:
          "f + 1 = 2 replicas suspect Apple, so at least one correct one does. All leave for view 1, and show in a view-change what has prepared at them.",
        look: { arrows: ["view-change"] },
        when: sent("view-change"),
      },
      {
        text:
          "Ball is the primary of view 1: the turn goes round. From three view-changes it derives what must be proposed again, so that nothing decided is lost, " +
          "and proves that in its new-view.",
        look: { arrows: ["new-view"], lanes: [BALL] },
        when: sent("new-view", BALL),
      },
      {
        text: "The star is at Ball, and the request that waited is ordered in view 1.",
        look: { arrows: ["pre-prepare"], lanes: [BALL] },
        when: sent("pre-prepare", BALL),
      },
      {
        text: "The client has its answer. It waited for one timeout; the next requests do not.",
        look: { panel: "log" },
        when: said("the client accepts"),
      },
    ],
  },
  {
    id: "lying-primary",
    title: "4 · A lying primary",
    actions: [act(1_000, "lie", APPLE), ask(1_500, "SET name Ada"), ask(1_700, "SET name Eve"), ask(4_500, "GET name")],
    startMs: 900,
    untilMs: 9_000,
    steps: [
      {
        text:
          "A liar is worse than a dead one: it can say one thing to some, and another to the rest. Apple is about to do that. Its arrows are red.",
        look: { lanes: [APPLE] },
      },
      {
        text: "Apple lies from now on. It can sign anything in its own name, and nothing in another's.",
        look: { lanes: [APPLE] },
        when: becomes("lying", APPLE),
      },
      {
        text:
          "A client asks, and Apple proposes one batch to some replicas, and another batch with the same number to others.",
        look: { arrows: ["pre-prepare"] },
        when: sent("pre-prepare", APPLE),
      },
      {
        text:
          "The backups tell each other what they were told. A batch prepares only with equal prepares of two correct backups, so at most one of the two can.",
        look: { arrows: ["prepare"] },
        when: taken("prepare", BALL),
      },
      {
        text:
          "Here neither can: each side has too few. Nothing is decided, so nothing wrong is decided. The client's request waits, and a backup says that it suspects Apple.",
        look: { arrows: ["suspicion"], panel: "log" },
        when: happens("suspicion", BALL),
      },
      {
        text: "Two suspicions: all leave for view 1, whose primary is Ball.",
        look: { arrows: ["view-change"] },
        when: sent("view-change"),
      },
      {
        text:
          "The replicas now compare what they hold. Two messages of Apple contradict each other, each with its signature: that is a proof, and it convicts " +
          "Apple before anybody who has the members' keys.",
        look: { panel: "log" },
        when: convicts(APPLE),
      },
      {
        text:
          "Ball orders the request in view 1, and the client has its answer from two equal signed results. A liar cost time, and nothing else.",
        look: { arrows: ["reply"], panel: "log" },
        when: said("the client accepts"),
      },
    ],
  },
  {
    id: "catching-up",
    title: "5 · Catching up: state transfer",
    actions: [
      act(1_000, "stop", DOG),
      ...Array.from({ length: 14 }, (_, i) => ask(1_200 + 150 * i, `SET key${i} ${i}`)),
      act(4_000, "start", DOG),
      ask(5_500, "SET last 1"),
    ],
    startMs: 900,
    untilMs: 9_000,
    steps: [
      { text: "Dog stops, and this time the others do much while it is away.", look: { lanes: [DOG] } },
      {
        text: "Dog is dead.",
        look: { lanes: [DOG] },
        when: becomes("stopped", DOG),
      },
      {
        text: "After every fourth number here the replicas sign a checkpoint: the hash of their whole state.",
        look: { arrows: ["checkpoint"] },
        when: sent("checkpoint"),
      },
      {
        text:
          "Three equal checkpoints are stable. The log up to there is proved, so it is forgotten: it would grow for ever otherwise. See the watermarks.",
        look: { panel: "numbers" },
        when: happens("checkpoint-stable"),
      },
      {
        text: "Dog is back, far below the log that the others still have. Decisions alone cannot help it any more.",
        look: { lanes: [DOG] },
        when: becomes("running", DOG),
      },
      {
        text:
          "It gets the proof of the stable checkpoint, and fetches that state piece by piece. Each piece is checked against its hash, so any replica can send it, even a liar.",
        look: { arrows: ["fetch", "blobs", "stable-checkpoint"] },
        when: transfers("started", DOG),
      },
      {
        text: "Dog has the state of the checkpoint, and goes on from there with the decisions after it.",
        look: { arrows: ["decision"], panel: "numbers" },
        when: transfers("finished", DOG),
      },
      {
        text: "Dog votes again as if it had never been away. Now play yourself: choose “Simulated” above.",
        look: { lanes: [DOG] },
        when: sent("prepare", DOG),
      },
    ],
  },
];
