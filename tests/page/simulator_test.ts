/** The simulator of the page: what is watched is the same run, what is done is the same each time, and the lessons show what they say. */
import {
  assert,
  assertEquals,
  assertGreater,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { LESSONS } from "../../page/lessons/lessons.ts";
import { timesOf } from "../../page/lessons/lesson.ts";
import type { Order, Played } from "../../page/simulator/order.ts";
import { play } from "../../page/simulator/play.ts";
import type { PageEvent } from "../../page/model/event.ts";
import { formatLink, type LinkedAction, LinkError, parseLink, type SimulationLink } from "../../src/page/link.ts";
import { kindsOf } from "../../src/testing/kinds/mod.ts";
import { drawPlan, run, runOptionsOf } from "../../src/testing/mod.ts";

const PLAY = { kind: "play", replicas: 4 } as const;

function played(order: Omit<Order, "id">): Promise<Played> {
  return play({ id: 1, ...order }, (text) => text);
}

function textOf({ events }: Played, kind: "note" | "state"): readonly string[] {
  return events.flatMap(([, , event]) =>
    event.kind !== kind ? [] : [event.kind === "note" ? event.text : event.kind === "state" ? event.state : ""]
  );
}

Deno.test("a run that is watched is the run of pbft simulate", async () => {
  const { trace } = await run(drawPlan(3, { profile: "byzantine" }), { ...runOptionsOf({}), trace: true });
  const seed = { kind: "seed", seed: 3, profile: "byzantine" } as const;
  const { digest, events, violation, members } = await played({ run: seed, actions: [], wantsDigest: true });
  assertEquals(digest, trace.join("\n"));
  assertEquals([violation, members.slice(0, 4)], [null, ["Apple", "Ball", "Candy", "Dog"]]);
  const kinds = new Set(events.map(([, , { kind }]) => kind));
  for (const kind of ["snapshot", "sent", "taken", "replied", "stage", "state", "note"] as const) {
    assert(kinds.has(kind), kind);
  }
});

Deno.test("the same actions give the same run, and a later one changes nothing before it", async () => {
  const actions: LinkedAction[] = [
    { atMs: 200, action: "request", operation: "SET name Ada" },
    { atMs: 400, action: "stop", replica: 3 },
    { atMs: 500, action: "pause", replica: 2 },
    { atMs: 900, action: "resume", replica: 2 },
    { atMs: 950, action: "request", operation: "GET name" },
  ];
  const first = await played({ run: PLAY, actions, untilMs: 2_000 });
  assertEquals(await played({ run: PLAY, actions, untilMs: 2_000 }), first);
  const longer = await played({ run: PLAY, actions, untilMs: 3_000 });
  assertEquals(longer.events.slice(0, first.events.length), first.events);
  const forked = await played({
    run: PLAY,
    actions: [...actions, { atMs: 1_000, action: "start", replica: 3 }],
    untilMs: 2_000,
  });
  const before = ({ events }: Played) => events.filter(([, at]) => at < 1_000);
  assertEquals(before(forked), before(first));
  assertNotEquals(forked.events, first.events);
  assertEquals(textOf(forked, "state"), ["stopped", "paused", "running", "running"]);
  assertEquals(textOf(forked, "note").map((text) => text.replace(/,.*/, "")), [
    'the client accepts SET name Ada → "OK"',
    'the client accepts GET name → "Ada"',
  ]);
});

Deno.test("a run whose members change is not shown, and the page says so", async () => {
  const order = { run: { kind: "seed", seed: 1, kinds: ["epochs"] }, actions: [] } as const;
  await assertRejects(() => played(order), Error, "the members change, which the page does not show");
  const drawn = Array.from({ length: 100 }, (_, seed) => seed).find((seed) => kindsOf(seed).includes("epochs"))!;
  const words =
    `seed ${drawn}: the members change, which the page does not show; pbft simulate --seed ${drawn} --runs 1 runs it`;
  await assertRejects(() => played({ run: { kind: "seed", seed: drawn }, actions: [] }), Error, words);
});

Deno.test("a replica that is cut off is behind, and catches up when it is joined again", async () => {
  const actions: LinkedAction[] = [
    { atMs: 200, action: "cut", replica: 1 },
    { atMs: 300, action: "request", operation: "SET a 1" },
    { atMs: 1_500, action: "join", replica: 1 },
  ];
  const { events } = await played({ run: PLAY, actions, untilMs: 6_000 });
  const executed = events.filter(([replica, , event]) =>
    replica === 1 && event.kind === "stage" && event.stage === "executed" && event.sequence === 2
  );
  assertEquals(executed.length, 1);
  assertGreater(executed[0]![1], 1_500);
});

Deno.test("one liar changes nothing for the others; more than f liars may break a guarantee, and the page says in words which", async () => {
  const ask = (atMs: number): LinkedAction => ({ atMs, action: "request", operation: `INCR a` });
  const asks = Array.from({ length: 20 }, (_, i) => ask(1_000 + 300 * i));
  const one = await played({
    run: PLAY,
    actions: [{ atMs: 500, action: "lie", replica: 0 }, ...asks],
    untilMs: 30_000,
  });
  assertEquals(one.violation, null);
  assertEquals(textOf(one, "note").filter((text) => text.startsWith("the client accepts")).length, 20);
  const liars = [0, 1, 2].map((replica): LinkedAction => ({ atMs: 500, action: "lie", replica }));
  const most = await played({ run: PLAY, actions: [...liars, ...asks], untilMs: 30_000 });
  assert(most.violation !== null);
  assert(textOf(most, "note").some((text) => text.startsWith(`BROKEN: ${most.violation!.words}.`)));
});

Deno.test("each step of each lesson comes, in its order", async () => {
  for (const lesson of LESSONS) {
    const { actions, untilMs, title } = lesson;
    const { events, violation } = await played({ run: PLAY, actions, untilMs });
    assertEquals(violation, null, title);
    const moments = events.map(([replica, at, event]) => ({ replica, at, event: event as PageEvent }));
    const times = timesOf(lesson, moments);
    for (const [i, at] of times.entries()) {
      assert(at !== null, `${title}: step ${i + 1} never comes: ${lesson.steps[i]!.text}`);
      assert(i === 0 || at >= times[i - 1]!, title);
    }
  }
});

Deno.test("a link says all of a run, and comes back from text as it was", () => {
  const links: SimulationLink[] = [
    { run: { kind: "seed", seed: 7 }, actions: [], atMs: null, version: null },
    {
      run: { kind: "seed", seed: 2 ** 40, profile: "byzantine", replicas: 7, kinds: ["limits", "time"] },
      actions: [],
      atMs: 1_204.25,
      version: "0.1.0",
    },
    { run: { kind: "seed", seed: 0, kinds: [] }, actions: [], atMs: 0, version: null },
    {
      run: PLAY,
      actions: [
        { atMs: 1.5, action: "request", operation: "SET a,b;c#d&e=f %41 ü" },
        { atMs: 2, action: "lie", replica: 3 },
      ],
      atMs: 5,
      version: "0.1.0",
    },
    { run: { kind: "lesson", lesson: "dead-backup" }, actions: [], atMs: null, version: null },
  ];
  for (const link of links) {
    assertEquals(parseLink(`#${formatLink(link)}`), link);
    // As a browser writes it.
    assertEquals(parseLink(new URL(`http://a/#${formatLink(link)}`).hash), link);
  }
  assertEquals(parseLink(""), null);
  assertEquals(parseLink("#token=00"), null);
});

Deno.test("a wrong link is refused with the field", () => {
  const wrong = [
    "seed=x",
    "seed=-1",
    "seed=99999999999999999",
    "play=3",
    "play=11",
    "play=4.5",
    "seed=1&replicas=100",
    "play=4&at=x",
    "play=4&do=5,explode,1",
    "play=4&do=5,stop,99",
    "play=4&do=5,request,",
    "play=4&do=x",
    `play=4&do=${"1,stop,0;".repeat(300)}1,stop,0`,
    `play=4&do=1,request,${"x".repeat(2_000)}`,
    "seed=%",
  ];
  for (const text of wrong) {
    const { message } = assertThrows(() => parseLink(text), LinkError);
    assertStringIncludes(text, message.split(":")[0]!);
  }
});

Deno.test("a profile or a kind that there is not is refused in words", async () => {
  for (const more of [{ profile: "x" }, { kinds: ["x"] }]) {
    const error = await played({ run: { kind: "seed", seed: 1, ...more }, actions: [] }).catch((error) => error);
    assertStringIncludes(error.message, "expected");
  }
});
