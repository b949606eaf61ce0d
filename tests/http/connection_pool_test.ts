import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { ConnectionPool, type ConnectionPoolOptions } from "../../src/http/connections/pool.ts";
import type { Connections, Lane, RunningDelivery, WaitingFrames } from "../../src/node/ports.ts";
import { ManualTimer } from "../node/_manual_timer.ts";

/** A peer with deliveries that wait; the test ends those that began. */
class Peer implements WaitingFrames {
  readonly waiting: Record<Lane, number> = { deciding: 0, bulk: 0 };
  /** Ends the deliveries that are open. */
  readonly open: { readonly lane: Lane; readonly end: (isTaken: boolean) => void }[] = [];
  readonly began: Lane[] = [];
  aborted = 0;

  constructor(readonly id: number, readonly log: string[]) {}

  waits(lane: Lane): boolean {
    return this.waiting[lane] > 0;
  }

  start(lane: Lane): RunningDelivery {
    this.waiting[lane]--;
    this.began.push(lane);
    this.log.push(`${this.id}${lane === "bulk" ? "b" : ""}`);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const one = {
      lane,
      end: (isTaken: boolean) => {
        this.open.splice(this.open.indexOf(one), 1);
        resolve(isTaken);
      },
    };
    this.open.push(one);
    const abort = () => {
      this.aborted++;
      one.end(false);
    };
    return { ended: promise, abort };
  }
}

function setUp(n: number, options: Partial<ConnectionPoolOptions> = {}) {
  const timer = new ManualTimer();
  let wanted = 0;
  const onTurnUsed = () => void wanted++;
  const limits = { maxConnections: 6, maxRequestsPerTurn: 50 };
  const pool = new ConnectionPool({ ...limits, timer, onTurnUsed, ...options });
  const connections: Connections = pool.to(n);
  const log: string[] = [];
  const peers = Array.from({ length: n }, (_, id) => new Peer(id, log));
  /** Deliveries for these peers wait; lets the pool look. */
  const ask = async (ids: readonly number[], lane: Lane = "deciding") => {
    for (const id of ids) {
      peers[id]!.waiting[lane]++;
      connections.ask(id as ReplicaId, peers[id]!);
    }
    await timer.idle();
  };
  const end = async (id: number, isTaken = true) => {
    peers[id]!.open[0]!.end(isTaken);
    await timer.idle();
  };
  /** Takes what was logged. */
  const began = () => log.splice(0).join(" ");
  const open = () => peers.reduce((sum, peer) => sum + peer.open.length, 0);
  return { timer, pool, peers, ask, end, began, open, wanted: () => wanted };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("no more connections are open than there may be, and each that ends serves the next peer", async () => {
  const { ask, end, began, open } = setUp(10);
  await ask(range(1, 9));
  assertEquals([began(), open()], ["1 2 3 4 5 6", 6]);
  await end(3);
  await end(1);
  assertEquals([began(), open()], ["7 8", 6]);
});

Deno.test("what decides goes before bulk, and bulk has a third of the connections", async () => {
  const { ask, end, began } = setUp(10);
  await ask(range(1, 6), "bulk");
  assertEquals(began(), "1b 2b");
  await ask(range(1, 9));
  assertEquals(began(), "1 2 3 4");
  // The first that each has is its bulk: a place for bulk is free, but five peers wait for what decides.
  await end(1);
  assertEquals(began(), "5");
  for (const id of [1, 3, 4, 5]) await end(id);
  assertEquals(began(), "6 7 8 9");
  await end(6);
  assertEquals(began(), "3b", "nothing else waits");
});

Deno.test("bulk that has waited for a second has its turn, however much decides", async () => {
  const { ask, end, began, peers, timer } = setUp(10, { maxRequestsPerTurn: Infinity });
  await ask(range(1, 6));
  await ask([9], "bulk");
  began();
  for (let round = 0; round < 12; round++) {
    for (const id of range(1, 6)) {
      await ask([id]);
      if (peers[id]!.open.length > 0) await end(id);
    }
    await timer.advance(100);
  }
  assert(began().split(" ").includes("9b"));
});

Deno.test("a peer has one connection beside others, and a further one only while half of them are free", async () => {
  const { ask, began } = setUp(10);
  await ask([1, 1, 1, 1, 1, 1]);
  assertEquals(began(), "1 1 1");
  await ask([2, 2, 3, 4]);
  assertEquals(began(), "2 3 4");
});

Deno.test("with three peers each has its two connections, whatever the others do", async () => {
  const { ask, began } = setUp(4);
  await ask([1, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
  assertEquals(began().split(" ").sort().join(" "), "1 1 2 2 3 3");
});

Deno.test("who has had the least time on connections goes first", async () => {
  const { ask, end, began, timer } = setUp(10, { maxConnections: 1 });
  await ask([1]);
  await timer.advance(90);
  await ask([2]);
  await end(1);
  await timer.advance(10);
  await ask([1, 2, 3]);
  began();
  await end(2);
  assertEquals(began(), "3");
  await end(3);
  assertEquals(began(), "2");
  await end(2);
  assertEquals(began(), "1");
});

Deno.test("peers that hang have two connections together once others wait; the places of the others are given back", async () => {
  const { ask, end, began, open, peers, timer } = setUp(19);
  await ask(range(1, 6));
  await timer.advance(400);
  await ask(range(7, 18));
  assertEquals([began(), open()], ["1 2 3 4 5 6", 6], "they may be on their way");
  await timer.advance(100);
  assertEquals([began(), open()], ["7 8 9 10", 6]);
  assertEquals(peers.map(({ aborted }) => aborted).join(""), "0111100000000000000");
  for (const id of range(7, 18)) await end(id);
  began();
  // They ask again, and so do the others: the four remaining places are for those that answer.
  await ask(range(1, 18));
  assertEquals(began(), "7 8 9 10");
  for (const id of range(7, 18)) await end(id);
  assertEquals(open(), 2);
});

Deno.test("peers that hang have their turns one after another, and one that answers in time is slow no longer", async () => {
  const { ask, end, began, open, peers, timer } = setUp(19);
  await ask(range(1, 6));
  await timer.advance(500);
  await ask(range(7, 10));
  for (const id of range(7, 10)) await end(id);
  await ask(range(1, 4));
  began();
  assertEquals(open(), 2);
  await timer.advance(3 * 500);
  assertEquals([began(), open()], ["1 2", 2]);
  for (const id of [1, 2]) await end(id);
  for (const id of [3, 4]) await end(id);
  began();
  await ask([1, 2, 3, 4, 5, 6]);

  assertEquals(began(), "1 2 3 4 5 6");
  assertEquals(peers[1]!.aborted, 1);
});

Deno.test("if all hang, all are tried: the fault may be on this side", async () => {
  const { ask, open, timer } = setUp(7);
  await ask(range(1, 6));
  await timer.advance(1_000);
  assertEquals(open(), 6);
});

Deno.test("what is late goes by what a delivery usually takes", async () => {
  const { ask, end, began, timer } = setUp(19);
  for (const id of range(1, 18)) {
    await ask([id]);
    await timer.advance(50);
    await end(id);
  }
  began();
  await ask(range(1, 18));
  assertEquals(began(), "1 2 3 4 5 6");
  await timer.advance(199);
  assertEquals(began(), "");
  await timer.advance(1);
  assertEquals(began(), "7 8 9 10");
});

Deno.test("a failure that comes at once makes nobody slow", async () => {
  const { ask, end, began } = setUp(19);
  for (let round = 0; round < 3; round++) {
    await ask(range(1, 6));
    for (const id of range(1, 6)) await end(id, false);
  }
  began();
  await ask(range(1, 6));
  assertEquals(began(), "1 2 3 4 5 6");
});

Deno.test("a turn has so many requests; the rest waits for the next, and the host is told", async () => {
  const { ask, end, began, pool, timer, wanted } = setUp(10, { maxRequestsPerTurn: 4 });
  await ask(range(1, 3));
  assertEquals([began(), wanted()], ["1 2 3", 0]);
  for (const id of [1, 2, 3]) await end(id);
  await ask(range(1, 6));
  assertEquals(began(), "1");
  assert(wanted() > 0);
  await timer.advance(10_000);
  assertEquals(began(), "");
  pool.beginTurn();
  await timer.idle();
  assertEquals(began(), "2 3 4 5");
});

Deno.test("bulk leaves requests of a turn for a vote to all", async () => {
  const { ask, end, began, timer } = setUp(7, { maxRequestsPerTurn: 20 });
  for (let i = 0; i < 16; i++) {
    await ask([1], "bulk");
    if (i < 14) await end(1);
  }
  assertEquals(began().split(" ").length, 14);
  await ask(range(1, 6));
  await timer.idle();
  assertEquals(began(), "1 2 3 4 5 6");
});

Deno.test("exchanges with others wait for a connection as bulk does, end after five seconds, and are not many", async () => {
  const { ask, end, open, peers, pool, timer } = setUp(7, { maxRequestsPerTurn: Infinity });
  await ask(range(1, 6));
  let signal: AbortSignal | undefined;
  const answer = pool.run((ended) => {
    signal = ended;
    return new Promise((_, reject) => ended.addEventListener("abort", () => reject(ended.reason)));
  });
  await timer.idle();
  assertEquals([open(), signal], [6, undefined]);
  await end(1);
  assertEquals([open(), signal?.aborted], [5, false]);
  const rejected = assertRejects(() => answer, DOMException, "no answer in time");
  await timer.advance(5_000);
  await rejected;
  assertEquals(await pool.run(() => Promise.resolve("next")), "next");
  await ask(range(1, 6));
  const waiting = Array.from({ length: 64 }, () => pool.run(() => Promise.resolve()));
  await assertRejects(() => pool.run(() => Promise.resolve()), Error, "64 exchanges wait");
  for (const id of [...range(1, 6), ...range(1, 6)]) if (peers[id]!.open.length > 0) await end(id);
  await Promise.all(waiting);
});

Deno.test("nothing is pending while nothing waits", async () => {
  const { ask, end, timer } = setUp(19);
  await ask(range(1, 8));
  assertEquals(timer.alarmsInMs.length, 1);
  for (const id of range(1, 8)) await end(id);
  assertEquals(timer.alarmsInMs.length, 0);
});

Deno.test("a pool wants whole numbers from one on", () => {
  for (const value of [0, -1, 1.5, NaN]) {
    assertThrows(() => setUp(4, { maxConnections: value }), RangeError, "maxConnections: expected a whole number");
    assertThrows(() => setUp(4, { maxRequestsPerTurn: value }), RangeError, "maxRequestsPerTurn: expected a whole");
  }
});
