/** The program that attacks: each kind does something, and its verdict sees what must not be. */
import { assertEquals, assertGreater } from "@std/assert";
import { serveOne } from "../http/served.ts";
import { Line } from "./connection.ts";
import type { Figures } from "./gauges.ts";
import { ATTACKS } from "./kinds.ts";
import { reportOf, verdictOf } from "./report.ts";

const quiet: Figures = {
  replicas: [{ name: "Apple", firstBytes: 100e6, mostBytes: 120e6, cpu: 0.1 }],
  callers: [{ way: "req", perSecond: 400, p50Ms: 5, p99Ms: 30, longestMs: 40 }],
  viewChanges: [],
  retries: [],
  strangersCpu: null,
};
const done = [{ kind: "idle connections", bytes: 100, answers: { closed: 2 } }];

Deno.test("an attack that nobody noticed passes, and each thing that must not be is named", () => {
  const of = (attacked: Partial<Figures>, errors: string[] = []) =>
    verdictOf({ quiet, attacked: { ...quiet, ...attacked }, done, errors }, { p99Factor: 2 });
  const callers = (p99Ms: number) => quiet.callers.map((one) => ({ ...one, p99Ms }));
  assertEquals(of({ callers: callers(60) }), []);
  assertEquals(of({ callers: callers(61) }), ["req: p99 of 61 ms, allowed: 60 ms"]);
  assertEquals(of({ callers: callers(NaN) }).length, 1);
  assertEquals(of({ retries: [429, 0, 429] }), ["callers of /req had to ask again 3 times: 429 x 2, 0 x 1"]);
  assertEquals(of({ viewChanges: ["moving to view 1"] }), ["1 lines about view changes", "moving to view 1"]);
  assertEquals(of({ replicas: [{ ...quiet.replicas[0]!, mostBytes: 251e6 }] }), [
    "Apple has grown by 151.0 MB, allowed: 150.0 MB",
  ]);
  assertEquals(of({}, ["a counter is wrong"]), ["error: a counter is wrong"]);
  const idle = verdictOf({ quiet, attacked: quiet, done: [{ ...done[0]!, bytes: 0 }], errors: [] }, { p99Factor: 2 });
  assertEquals(idle, [`the attack "idle connections" has sent nothing`]);
  assertEquals(reportOf({ quiet, attacked: quiet, done, errors: [] }).includes("closed x 2"), true);
});

Deno.test({
  name: "each kind of attack sends something, ends when it is told, and leaves a replica that serves",
  sanitizeOps: false, // sockets of node:net end a moment later
  sanitizeResources: false,
  async fn() {
    const defects: Error[] = [];
    await using replica = await serveOne({ onInternalError: (error) => void defects.push(error) });
    const cluster = replica.node.cluster;
    let isOver = false;
    const scenes = Object.entries(ATTACKS).map(([kind, attack]) => {
      const line = new Line(300_000);
      const scene = {
        urls: [replica.url],
        cluster,
        idle: 20,
        address: "127.0.0.1",
        line,
        answers: {},
        isOver: () => isOver,
      };
      return { kind, line, running: attack(scene) };
    });
    const sent = () => scenes.every(({ line }) => line.sent > 0);
    for (let i = 0; i < 300 && !sent(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    const body = JSON.stringify({ clientID: "ada", timestamp: 1, operation: "INCR n" });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${replica.url}/req`, { method: "POST", headers, body });
    await answer.body?.cancel();
    isOver = true;
    await Promise.all(scenes.map(({ running }) => running));
    for (const { kind, line } of scenes) assertGreater(line.sent, 0, kind);
    assertEquals([answer.status, defects], [200, []]);
  },
});
