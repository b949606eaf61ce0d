import { assertEquals } from "@std/assert";
import { replicaId, view } from "../../src/core/messages/ids.ts";
import type { MessageInput } from "../../src/core/io.ts";
import { PeerActivity } from "../../src/node/out/peer_activity.ts";

const BALL = replicaId(1);
const CANDY = replicaId(2);
const DOG = replicaId(3);

function setUp() {
  const timer = { at: 1_000, monotonic: () => timer.at };
  return { timer, activity: new PeerActivity({ timer, idleStatusMs: 2_000 }) };
}

function status(of: number): MessageInput {
  return { kind: "status", status: { message: { kind: "status", view: view(of) } } } as unknown as MessageInput;
}

Deno.test("a member that has neither sent nor accepted anything is not in reach", () => {
  assertEquals(setUp().activity.inView(view(0)), []);
});

Deno.test("a member that sends or accepts messages is in reach until it has missed three of its status messages", () => {
  const { timer, activity } = setUp();
  activity.heard(DOG, null);
  activity.delivered(BALL, true);
  assertEquals(activity.inView(view(0)), [BALL, DOG]);
  timer.at += 6_000;
  assertEquals(activity.inView(view(0)), [BALL, DOG]);
  timer.at += 1;
  assertEquals(activity.inView(view(0)), []);
});

Deno.test("a member whose deliveries fail is not in reach even if messages of it arrive: they may be replayed by anybody", () => {
  const { activity } = setUp();
  activity.delivered(CANDY, true);
  activity.delivered(CANDY, false);
  assertEquals(activity.inView(view(0)), []);
  activity.heard(CANDY, status(0));
  assertEquals(activity.inView(view(0)), []);
  activity.delivered(CANDY, true);
  assertEquals(activity.inView(view(0)), [CANDY]);
});

Deno.test("a member in another view is not in reach, and an old message does not move it back", () => {
  const { activity } = setUp();
  activity.heard(CANDY, status(3));
  assertEquals([activity.inView(view(0)), activity.inView(view(3))], [[], [CANDY]]);
  activity.heard(CANDY, status(0));
  assertEquals([activity.inView(view(0)), activity.inView(view(3))], [[], [CANDY]]);
});
