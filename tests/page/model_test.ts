/** What the page makes of events. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { factsOf, type PageEvent } from "../../page/model/event.ts";
import { History, MAX_ENTRIES } from "../../page/model/history.ts";
import { Measures } from "../../page/model/measures.ts";
import { Player } from "../../page/model/player.ts";
import { leaderOf, wordFor } from "../../page/model/replica_view.ts";
import { whyCluster, whyNumber } from "../../page/model/why.ts";
import { LogLines } from "../../page/model/log_lines.ts";
import { lineOf } from "../../page/model/words.ts";
import { pictureOf } from "../../page/view/strokes.ts";
import { timeAxis } from "../../page/view/time_axis.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];

function newHistory(): History {
  return new History(factsOf("local", NAMES));
}

function vote(kind: string, sequence: number, id: string): PageEvent & { kind: "sent" } {
  return { kind: "sent", to: "all", message: { kind, view: 0, sequence, id, bytes: 100 } } as PageEvent & {
    kind: "sent";
  };
}

function taken(kind: string, sequence: number, id: string, from: number): PageEvent {
  return { ...vote(kind, sequence, id), kind: "taken", from } as unknown as PageEvent;
}

function stage(name: string, sequence: number, operations = 1): PageEvent {
  return { kind: "stage", stage: name, view: 0, sequence, requests: 1, operations, bytes: 9 } as unknown as PageEvent;
}

const CHOICE = { showsStatuses: false, maxPerSecond: Infinity, speed: 1 };

Deno.test("both ends of a message are joined, whichever is told first, and arrival is not before departure", () => {
  const history = newHistory();
  history.add(1, 10.2, taken("commit", 7, "a", 0));
  history.add(0, 10, vote("commit", 7, "a"));
  history.add(2, 9.9, taken("commit", 7, "a", 0));
  const { strokes } = pictureOf(history, history.length, 20, CHOICE);
  const ends = strokes.map(({ from, to, start, end }) => [from, to, start, end]).sort((a, b) => a[1]! - b[1]!);
  assertEquals(ends, [[0, 1, 10, 10.2], [0, 2, 10, 10], [0, 3, 10, null]]);
});

Deno.test("a message that is sent twice and arrives twice is drawn as two arrows; one that nobody sent has a mark of its own", () => {
  const history = newHistory();
  for (const at of [10, 20]) {
    history.add(0, at, vote("prepare", 1, "a"));
    history.add(1, at + 1, taken("prepare", 1, "a", 0));
  }
  history.add(1, 30, taken("prepare", 1, "forged", 3));
  const strokes = pictureOf(history, history.length, 40, CHOICE).strokes.filter(({ to }) => to === 1);
  assertEquals(strokes.map(({ start, end, isUnsaid }) => [start, end, isUnsaid]), [[10, 11, false], [20, 21, false], [
    30,
    30,
    true,
  ]]);
});

Deno.test("clocks are corrected by the least amount that causality needs", () => {
  const history = newHistory();
  // Ball's clock is 5 ms behind: what Apple sends arrives before it was sent.
  for (let i = 0; i < 5; i++) {
    history.add(0, 100 + i * 10, vote("commit", i, `there${i}`));
    history.add(1, 97 + i * 10, taken("commit", i, `there${i}`, 0));
    history.add(1, 98 + i * 10, vote("commit", i, `back${i}`));
    history.add(0, 105 + i * 10, taken("commit", i, `back${i}`, 1));
  }
  assertEquals([history.clocks.offsetOf(1), history.clocks.offsetOf(0), history.clocks.offsetOf(3)], [3, 0, 0]);
  assertEquals(history.clocks.largest(4), 3);
});

Deno.test("the state at any place is that of the events before it, also after going back", () => {
  const history = newHistory();
  for (const name of ["pre-prepared", "prepared", "committed", "executed"]) {
    history.add(0, history.length, stage(name, 1));
  }
  const stageAt = (count: number) => history.stateAfter(count).replicas[0]!.cells.get(1)?.stage ?? null;
  assertEquals([4, 1, 3, 0, 2].map(stageAt), ["executed", "pre-prepared", "committed", null, "prepared"]);
});

Deno.test("20,000 events are kept, older ones stay in the state, and a later event of the past is put in its place", () => {
  const history = newHistory();
  for (let i = 1; i <= 45_000; i++) history.add(i % 4, i, stage("executed", i));
  assert(history.length <= MAX_ENTRIES);
  assertEquals(history.stateAfter(0).replicas.every(({ executed }) => executed > 20_000), true);
  history.add(0, 44_990.5, stage("executed", 1));
  const times = Array.from({ length: history.length }, (_, i) => history.at(i)!.at);
  assertEquals(times, [...times].sort((a, b) => a - b));
});

Deno.test("a view change leaves open numbers to the next view, and the sentences say who is missing", () => {
  const history = newHistory();
  history.add(1, 1, stage("prepared", 1));
  history.add(1, 2, taken("commit", 1, "a", 2));
  history.add(1, 2, vote("commit", 1, "b"));
  const view = history.stateAfter(history.length);
  assertEquals(whyNumber(view, 1), "Ball has 2 of 3 commits for 1.");
  for (const id of [1, 2, 3]) {
    history.add(id, 3, { kind: "view-change", view: 1, why: "suspected" } as unknown as PageEvent);
  }
  for (const id of [0, 3]) history.add(id, 4, { kind: "state", state: "stopped" });
  const after = history.stateAfter(history.length);
  assertEquals([leaderOf(after).view, wordFor(after.replicas[1]!), wordFor(after.replicas[3]!)], [
    1,
    "changes view",
    "stopped",
  ]);
  assertEquals(after.replicas[1]!.cells.has(1), false);
  assertEquals(whyCluster(after), "2 of 4 take part, 3 are needed: nothing is decided until more are back.");
});

Deno.test("more than forty equal arrows a second become few, with their numbers", () => {
  const history = newHistory();
  for (let i = 0; i < 100; i++) {
    history.add(0, 1_000 + i, vote("commit", 41 + i, `m${i}`));
    for (const to of [1, 2, 3]) history.add(to, 1_001 + i, taken("commit", 41 + i, `m${i}`, 0));
  }
  const { strokes, isFolded } = pictureOf(history, history.length, 1_200, { ...CHOICE, maxPerSecond: 40 });
  assert(isFolded && strokes.length === 3, `${strokes.length} strokes`);
  assertEquals(strokes[0]!.label, "commit 41–140 (100)");
});

Deno.test("the time axis goes down with time, and long pauses take little room", () => {
  const axis = timeAxis([0, 1, 1.5, 60_000], 60_010, 400);
  const places = [0, 1, 1.2, 1.5, 30_000, 60_000, 60_010].map((at) => axis.placeOf(at));
  assertEquals(places, [...places].sort((a, b) => a - b));
  assertEquals(places.at(-1), 400);
  assert(places[5]! - places[3]! < 60);
  assertEquals(axis.pauses.length, 1);
});

Deno.test("stepping goes event by event and number by number, back and on", () => {
  const history = newHistory();
  for (let i = 1; i <= 3; i++) {
    history.add(0, 10 * i, vote("pre-prepare", i, `p${i}`));
    history.add(1, 10 * i + 1, taken("pre-prepare", i, `p${i}`, 0));
  }
  const player = new Player(true);
  player.at = 31;
  const all = () => true;
  const steps = [-1, -1, -1, 1].map((by) => (player.step(history, by as 1 | -1, all), player.at));
  assertEquals([steps, player.isPlaying], [[30, 21, 20, 21], false]);
  player.stepNumber(history, -1);
  assertEquals(player.at, 20);
  player.stepNumber(history, 1);
  assertEquals(player.at, 30);
});

Deno.test("measures count each number once, and the time from a request to its answer", () => {
  const measures = new Measures(4);
  const history = newHistory();
  const note = (replica: number, at: number, event: unknown) =>
    measures.note(history.add(replica, at, event as PageEvent));
  for (const id of [0, 1, 2]) note(id, 1_500, stage("executed", 1, 5));
  note(0, 1_500, vote("commit", 1, "a"));
  note(0, 1_100, { kind: "taken", from: "ada", message: { kind: "request", id: "r", digest: "d", bytes: 3 } });
  note(0, 1_600, { kind: "replied", client: "ada", request: "d", sequence: 1, status: "ok" });
  assertEquals(measures.until(1_999, 2), [undefined, { operations: 5, messages: 3, latencies: [500] }]);
});

Deno.test("every event that the page may get has a line or none, and hostile ones throw nothing", () => {
  const history = newHistory();
  const kinds = [
    "suspicion",
    "view-change",
    "new-view",
    "checkpoint-stable",
    "state-transfer",
    "recovered",
    "refused",
    "state",
    "gap",
    "nonsense",
  ];
  for (const kind of kinds) {
    const hostile = {
      kind,
      view: -1,
      why: "<b>",
      state: "?",
      message: {},
      events: 3,
      sequence: 1e99,
      primary: 77,
      from: 99,
    };
    const entry = history.add(99, 1, hostile as unknown as PageEvent);
    lineOf(entry, history.facts)?.text("Apple", false);
    history.stateAfter(history.length);
  }
  const [entry] = [history.add(0, 2, { kind: "peer-unreachable", peer: 1, reason: "x" } as unknown as PageEvent)];
  assertStringIncludes(lineOf(entry, history.facts)!.text("Apple", false), "Apple cannot reach Ball");
});

Deno.test("the log says when no quorum is left, and when one is back", () => {
  const history = newHistory();
  const state = (replica: number, at: number, state: string) =>
    history.add(replica, at, { kind: "state", state } as unknown as PageEvent);
  state(0, 1, "stopped");
  history.add(1, 2, { kind: "unreachable", reason: "closed" } as unknown as PageEvent);
  history.add(1, 3, vote("prepare", 1, "a"));
  state(2, 4, "lying");
  state(1, 5, "cut");
  state(3, 6, "paused");
  state(1, 7, "running");
  state(3, 8, "running");
  const log = new LogLines(history);
  const linesAt = (count: number) =>
    log.groups(count).map(({ at, text, isAlarm, names }) => [at, text(names.join(), false), isAlarm])
      .filter(([, text]) => /quorum/.test(text as string));
  const lost = "no quorum is left: 2 of 4 take part, 3 are needed; nothing is decided until more are back";
  const back = "a quorum is back: 3 of 4 take part";
  assertEquals(linesAt(1), []);
  assertEquals(linesAt(history.length), [[2, lost, true], [3, back, false], [5, lost, true], [8, back, false]]);
  // The events of the start are forgotten, not what they meant.
  for (let i = 0; i < MAX_ENTRIES; i++) history.add(2, 9 + i / 100, vote("prepare", 2, `b${i}`));
  state(1, 1_000, "stopped");
  assertEquals(linesAt(history.length), [[1_000, lost, true]]);
});

Deno.test("the log of a full history is drawn by looking at its last entries only, and says what one says that sees it anew", () => {
  const history = newHistory();
  const log = new LogLines(history);
  const state = (replica: number, at: number, what: string) =>
    history.add(replica, at, { kind: "state", state: what } as unknown as PageEvent);
  const say = (lines: LogLines, count: number) =>
    lines.groups(count).map(({ at, text, names }) => `${at} ${text(names.join(), false)}`);
  const same = (count: number) => assertEquals(say(log, count), say(new LogLines(history), count), `${count}`);
  let looked = 0;
  const at = history.at.bind(history);
  history.at = (index) => {
    looked++;
    return at(index);
  };
  const states = ["stopped", "running"];
  const first = MAX_ENTRIES + 3_000;
  for (let i = 0; i < first; i++) {
    // Some come late, among those that are there.
    if (i % 61 === 0) state(Math.floor(i / 61) % 3, i - (i % 7) * 20, states[Math.floor(i / 183) % 2]!);
    else history.add(i % 4, i, vote("prepare", i, `b${i}`));
    if (i % 250 > 0) continue;
    looked = 0;
    log.groups(history.length);
    // Beside the 250 new ones those that may still change their places.
    assert(looked <= 800, `${looked} entries were looked at`);
    if (i % 5_000 === 0) {
      for (const count of [0, 10, 5_000, history.length - 3, history.length]) {
        if (count <= history.length) same(count);
      }
    }
  }
  // Nobody draws while more happens than is kept, as in a tab behind others.
  for (let i = first; i < first + MAX_ENTRIES + 1_500; i++) history.add(i % 4, i, vote("prepare", i, `b${i}`));
  state(1, 5 * MAX_ENTRIES, "stopped");
  same(history.length);
});
