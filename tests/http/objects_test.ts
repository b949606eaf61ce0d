/** Members in Durable Objects, on a platform that refuses the seventh open connection and the 51st request of a turn. All in virtual time. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { type Conduct, Objects } from "./_objects.ts";

/** The longest that an operation may take, ms: far less than EDGE_SETTINGS.viewTimeoutMs. */
const IN_TIME_MS = 800;

function assertWithinLimits(objects: Objects): void {
  const { open, requests, refused } = objects.most();
  assert(open <= 6 && requests <= 50, JSON.stringify(objects.most()));
  assertEquals(refused, 0);
}

async function asked(objects: Objects, operations: number, gateway = 0): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < operations; i++) times.push(await objects.ask(gateway, "INCR n"));
  return times;
}

for (const [n, mostMs] of [[4, 100], [7, 200], [19, 400]] as const) {
  Deno.test(`${n} objects start and order operations within the platform's limits`, async () => {
    const objects = await Objects.open({ n });
    const times = await asked(objects, 3);
    await objects.timer.advance(3_000);
    assertWithinLimits(objects);
    assert(Math.max(...times) <= mostMs, JSON.stringify(times));
    assertEquals([new Set(objects.executed()), new Set(objects.views())], [new Set([3]), new Set([0])]);
    // Nobody is called slow, so nothing is aborted, and no alarm is needed for a turn.
    assertEquals(objects.platforms.map(({ aborted, alarms }) => aborted + alarms), objects.platforms.map(() => 0));
    await objects.close();
  });
}

Deno.test("without a pool objects exceed the limits: the stand-in for the platform is strict", async () => {
  const objects = await Objects.open({ n: 4, isBounded: false });
  await asked(objects, 3);
  assertGreater(objects.most().refused, 0);
  await objects.close();
});

for (const conduct of ["hang", "drip", "late", "503", "lost"] satisfies Conduct[]) {
  Deno.test(`six of 19 that answer badly (${conduct}) do not hold up the other twelve`, async () => {
    const objects = await Objects.open({ n: 19 });
    // Those to whom a broadcast goes first.
    for (let i = 1; i <= 6; i++) objects.conduct[i] = conduct;
    const times = await asked(objects, 4);
    assertWithinLimits(objects);
    assert(Math.max(...times) <= IN_TIME_MS, JSON.stringify(times));
    assertEquals(new Set(objects.views()), new Set([0]));
    await objects.timer.advance(1_000);
    const others = objects.executed().filter((_, i) => i < 1 || i > 6);
    assertEquals(others, others.map(() => 4));
    await objects.close();
  });
}

Deno.test("where two of seven hang the others stay within the limits, and in time", async () => {
  const objects = await Objects.open({ n: 7 });
  objects.conduct[1] = objects.conduct[2] = "hang";
  const times = await asked(objects, 5);
  assertWithinLimits(objects);
  assert(Math.max(...times) <= IN_TIME_MS, JSON.stringify(times));
  await objects.close();
});

for (const n of [4, 7, 19]) {
  Deno.test(`${n} objects change the view within the limits, though all faulty ones but the primary hang`, async () => {
    const objects = await Objects.open({ n });
    await objects.ask(1, "INCR n");
    objects.conduct[0] = "lost";
    for (let i = 1; i < Math.floor((n - 1) / 3); i++) objects.conduct[n - i] = "hang";
    const [changed, ...times] = await asked(objects, 3, 1);
    assertWithinLimits(objects);
    assert(changed! < 6_000, `${changed} ms`);
    assert(Math.max(...times) <= IN_TIME_MS, JSON.stringify(times));
    assertEquals(new Set(objects.views().slice(1)), new Set([1]));
    await objects.close();
  });

  Deno.test(`an object fetches the state of ${n} within the limits, though all faulty ones hang`, async () => {
    const objects = await Objects.open({ n, checkpointInterval: 4, away: [n - 1] });
    for (let i = 2; i < Math.floor((n - 1) / 3) + 1; i++) objects.conduct[i] = "hang";
    const value = "x".repeat(40_000);
    for (let i = 0; i < 10; i++) await objects.ask(0, `SET k${i} ${value}`);
    await objects.start(n - 1);
    const begun = objects.timer.now();
    while (objects.executed().at(-1)! < 10) {
      await objects.timer.advance(50);
      assert(objects.timer.now() - begun < 5_000, "the state has not come");
    }
    // Others are served meanwhile.
    assert(await objects.ask(0, "INCR n") <= IN_TIME_MS);
    assertWithinLimits(objects);
    await objects.close();
  });
}

for (const conduct of ["hang", "lost"] satisfies Conduct[]) {
  Deno.test(`an object whose 18 peers all fail (${conduct}) keeps to 50 requests a turn, and sends the rest in turns that alarms begin`, async () => {
    const objects = await Objects.open({ n: 19, away: Array.from({ length: 18 }, (_, i) => i + 1) });
    objects.conduct.fill(conduct, 1);
    const failed = objects.ask(0, "INCR n").then(() => false, () => true);
    await objects.timer.advance(60_000);
    const [platform] = objects.platforms;
    assertWithinLimits(objects);
    assertGreater(platform!.all, 100);
    const alarms = platform!.alarms;
    assert(alarms > 0 && alarms <= platform!.all / 40, `${alarms} alarms for ${platform!.all} requests`);
    assertEquals(await failed, true);
    await objects.close();
  });
}
