/** Replica processes that die, are stopped for a while, or are rebooted, under the load of clients of all kinds. */
import { assert, assertEquals } from "@std/assert";
import { keepCalm } from "../chaos/calm.ts";
import { chaos } from "../chaos/chaos.ts";
import { failOver } from "../chaos/failover.ts";
import { Fleet } from "../chaos/fleet.ts";
import { eventually } from "../tools/eventually.ts";
import { Load } from "../chaos/load.ts";

const CALLERS = 4;
const PAUSE_MS = 30_000;
/** Where faults last long: a hundred operations a second and more, and cores left for others. */
const THINK_MS = 50;

async function withFleet(n: number, test: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = await Fleet.start(n);
  try {
    await test(fleet);
  } catch (error) {
    console.error(fleet.lines.map(({ text }) => text).join("\n"));
    throw error;
  } finally {
    await fleet.stop();
  }
}

/** Clients see no error while `trouble` lasts and after it, each of their INCRs counts once, and all get on again. */
async function underLoad(fleet: Fleet, trouble: () => Promise<void>): Promise<void> {
  const load = new Load(fleet, CALLERS, { thinkMs: THINK_MS });
  try {
    await load.untilAllAnswered(performance.now());
    await trouble();
    await load.untilAllAnswered(performance.now());
  } finally {
    await load.stop();
  }
  assertEquals(load.errors, []);
}

/** With nothing under way all come to the same number and history. */
async function untilAlike(fleet: Fleet): Promise<void> {
  await eventually("all replicas are alike", async () => {
    const reports = await Promise.all(fleet.names.map((name) => fleet.status(name)));
    const states = reports.map((report) => report && `${report.lastExecuted} ${report.history}`);
    return !states.includes(null) && new Set(states).size === 1;
  }, 30_000);
}

Deno.test("the primary is killed under load, twice: clients see no error, only a pause, and every INCR counts once", async () => {
  await withFleet(4, async (fleet) => {
    for (let i = 0; i < 2; i++) assertEquals((await failOver(fleet, { kill: 1, callers: CALLERS })).errors, []);
    await untilAlike(fleet);
  });
});

Deno.test("of seven replicas the primary and its successor are killed at once: clients see no error", async () => {
  await withFleet(7, async (fleet) => {
    assertEquals((await failOver(fleet, { kill: 2, callers: 2 })).errors, []);
    await untilAlike(fleet);
  });
});

Deno.test("all replicas are rebooted in turn under load: every INCR counts once", async () => {
  await withFleet(4, async (fleet) => {
    await underLoad(fleet, async () => {
      for (const name of fleet.names) {
        await fleet.shutDown(name);
        fleet.start(name);
        await fleet.untilReady(name);
        await fleet.untilLevel(name);
      }
    });
    // The first of them is the primary: it hands its view on instead of having everybody wait for a timeout.
    assert(fleet.lines.some(({ text }) => text.includes("a quorum of replicas agreed to a hand-over")));
    await untilAlike(fleet);
  });
});

Deno.test("a primary that is stopped for half a minute under load is replaced, and rejoins when it goes on", async () => {
  await withFleet(4, async (fleet) => {
    const primary = await fleet.primary();
    await underLoad(fleet, async () => {
      fleet.pause(primary);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      fleet.resume(primary);
      await fleet.untilLevel(primary);
    });
    await untilAlike(fleet);
    assert((await fleet.status(primary))!.viewID >= 1);
  });
});

Deno.test("without faults there is no view change, at full load and without load", async () => {
  await withFleet(4, async (fleet) => {
    for (const callers of [20, 0]) {
      const { unrest, errors, batches } = await keepCalm(fleet, { seconds: 4, callers });
      assertEquals([unrest, errors], [[], []]);
      assert(batches > 0);
    }
  });
});

Deno.test("ten seconds of chaos: nothing is lost, forked or run twice, and no client sees an error", async () => {
  const said: string[] = [];
  const report = await chaos({
    seconds: 10,
    seed: 7,
    replicas: 4,
    callers: 2,
    thinkMs: THINK_MS,
    loseDisks: true,
    say: (line) => said.push(line),
  });
  assertEquals(report.violations, [], said.join("\n"));
  assert(report.operations > 0);
});
