/** Whom a replica asks for what it lacks, and how long it waits for each. */
import { assertEquals } from "@std/assert";
import { DEFAULT_SETTINGS } from "../../src/core/config.ts";
import type { Millis, ReplicaId } from "../../src/core/messages/ids.ts";
import { createPeerRequests } from "../../src/core/checkpoints/peer_requests.ts";
import {
  availablePeers,
  endOverdue,
  noteDelivery,
  noteEmptyAnswer,
  noteRequest,
} from "../../src/core/checkpoints/peer_selection.ts";
import type { Step } from "../../src/core/step.ts";

const INTERVAL_MS = DEFAULT_SETTINGS.statusIntervalMs;

/** Replica 0 of 4 at one time, and its requests. */
class Fixture {
  now = 10_000;
  readonly requests = createPeerRequests<string>();

  get step(): Step {
    const genesis = { replicas: [{}, {}, {}, {}] };
    const status = { heardAt: new Map([1, 2, 3].map((peer) => [peer, this.now])) };
    const env = { genesis, settings: DEFAULT_SETTINGS };
    return { n: 4, self: 0, now: this.now, env, state: { status } } as unknown as Step;
  }

  ask(peer: number): void {
    noteRequest(this.step, this.requests, peer as ReplicaId, "");
  }

  /** So much time passes. Gives the peers whose time is out. */
  pass(ms: number): readonly number[] {
    this.now += ms;
    return endOverdue(this.step, this.requests).map(([peer]) => peer);
  }

  get available(): readonly number[] {
    return availablePeers(this.step, this.requests).map(({ peer }) => peer);
  }
}

Deno.test("a peer that was late once gets twice the time that its answer took, up to sixteen status intervals", () => {
  const fixture = new Fixture();
  fixture.ask(1);
  assertEquals(fixture.pass(INTERVAL_MS), [1]);
  fixture.now += 2 * INTERVAL_MS;
  noteDelivery(fixture.step, fixture.requests, 1 as ReplicaId); // the answer to the first request
  fixture.ask(1);
  assertEquals([fixture.pass(6 * INTERVAL_MS - 1), fixture.pass(1)], [[], [1]]);
  fixture.now += 1_000 * INTERVAL_MS;
  noteDelivery(fixture.step, fixture.requests, 1 as ReplicaId);
  fixture.ask(1);
  assertEquals([fixture.pass(16 * INTERVAL_MS - 1), fixture.pass(1)], [[], [1]]);
  fixture.ask(2);
  assertEquals(fixture.pass(INTERVAL_MS), [2], "the others have one interval");
});

Deno.test("a peer that had nothing can be asked at once, after the others; one that had something else rests, ever longer", () => {
  const fixture = new Fixture();
  const answer = (rests: boolean) => noteEmptyAnswer(fixture.step, fixture.requests, 1 as ReplicaId, { rests });
  fixture.ask(1);
  answer(false);
  assertEquals(fixture.available, [2, 3, 1]);
  fixture.ask(1);
  answer(true); // for the second time
  assertEquals(fixture.available, [2, 3]);
  fixture.now += 2 * INTERVAL_MS - 1;
  assertEquals(fixture.available, [2, 3]);
  fixture.now++;
  assertEquals([fixture.available, fixture.pass(0)], [[2, 3, 1], []], "and nothing of it is overdue");
});

Deno.test("the rest of a peer that is silent again and again ends after sixteen status intervals", () => {
  const fixture = new Fixture();
  for (let times = 0; times < 10; times++) {
    fixture.ask(1);
    assertEquals(fixture.pass(INTERVAL_MS), [1]);
    fixture.now += INTERVAL_MS * Math.min(2 ** times, 16) - 1;
    assertEquals(fixture.available, [2, 3]);
    fixture.now = fixture.now + 1 as Millis;
    assertEquals(fixture.available, [2, 3, 1]);
  }
  fixture.ask(1);
  noteDelivery(fixture.step, fixture.requests, 1 as ReplicaId);
  assertEquals(fixture.available, [1, 2, 3], "what it delivered makes up for it");
});
