import { assertEquals } from "@std/assert";
import { replicaId, view } from "../../src/core/messages/ids.ts";
import type { MessageInput } from "../../src/core/io.ts";
import { Reach } from "../../src/node/out/reach.ts";

const BALL = replicaId(1);
const CANDY = replicaId(2);
const DOG = replicaId(3);

function setUp() {
  const timer = { at: 1_000, monotonic: () => timer.at };
  return { timer, reach: new Reach({ timer, idleStatusMs: 2_000 }) };
}

function status(of: number): MessageInput {
  return { kind: "status", status: { message: { kind: "status", view: view(of) } } } as unknown as MessageInput;
}

Deno.test("nobody is in reach who has neither sent nor taken anything", () => {
  assertEquals(setUp().reach.in(view(0)), []);
});

Deno.test("who sends, or takes, is in reach until it has missed three of its status messages", () => {
  const { timer, reach } = setUp();
  reach.heard(DOG, null);
  reach.delivered(BALL, true);
  assertEquals(reach.in(view(0)), [BALL, DOG]);
  timer.at += 6_000;
  assertEquals(reach.in(view(0)), [BALL, DOG]);
  timer.at += 1;
  assertEquals(reach.in(view(0)), []);
});

Deno.test("who takes nothing is not in reach, though it was, and though it is heard: an old message may be sent again by anybody", () => {
  const { reach } = setUp();
  reach.delivered(CANDY, true);
  reach.delivered(CANDY, false);
  assertEquals(reach.in(view(0)), []);
  reach.heard(CANDY, status(0));
  assertEquals(reach.in(view(0)), []);
  reach.delivered(CANDY, true);
  assertEquals(reach.in(view(0)), [CANDY]);
});

Deno.test("who is in another view is not in reach, and an old message takes nobody back", () => {
  const { reach } = setUp();
  reach.heard(CANDY, status(3));
  assertEquals([reach.in(view(0)), reach.in(view(3))], [[], [CANDY]]);
  reach.heard(CANDY, status(0));
  assertEquals([reach.in(view(0)), reach.in(view(3))], [[], [CANDY]]);
});
