import { assertEquals } from "@std/assert";
import { StorePace } from "../../src/node/durable/commit/store_pace.ts";
import { ManualTimer } from "./_manual_timer.ts";

const alarm = { input: { kind: "alarm" } } as const;

function setUp() {
  const timer = new ManualTimer();
  const pace = new StorePace(timer);
  const told = () =>
    [...pace.news(), alarm].map(({ input }) => input.kind === "store-pace" ? input.commitMs : input.kind);
  const commit = async (ms: number) => {
    pace.began();
    await timer.advance(ms);
    pace.done();
  };
  return { timer, pace, told, commit };
}

Deno.test("the core is told how long commits take, when that has changed, and before what it is to take", async () => {
  const { told, commit } = setUp();
  await commit(400);
  assertEquals(told(), [400, "alarm"]);
  assertEquals(told(), ["alarm"]);
  await commit(480);
  assertEquals(told(), ["alarm"]);
  await commit(1_200);
  assertEquals(told(), [615, "alarm"]);
  for (let i = 0; i < 20; i++) await commit(2);
  assertEquals(told().length, 2, "it is told of a store that is fast again");
  assertEquals(told(), ["alarm"]);
});

Deno.test("of a store that has always been fast nothing is told", async () => {
  const { told, commit } = setUp();
  for (let i = 0; i < 5; i++) await commit(15);
  assertEquals(told(), ["alarm"]);
});

Deno.test("a commit that is under way counts as long as it has taken so far, and one that failed not at all", async () => {
  const { timer, pace, told } = setUp();
  pace.began();
  await timer.advance(3_000);
  assertEquals(told(), [3_000, "alarm"]);
  pace.failed();
  assertEquals(told(), [0, "alarm"]);
});

Deno.test("a core that takes another one's place is told anew", async () => {
  const { pace, told, commit } = setUp();
  await commit(400);
  assertEquals(told(), [400, "alarm"]);
  pace.startAgain();
  assertEquals(told(), [400, "alarm"]);
});
