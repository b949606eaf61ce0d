/** A replica comes back after a while: how many round trips it takes until it has what the others have, whoever is dead or lies. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Settings } from "../../src/core/config.ts";
import type { FetchedBlob } from "../../src/core/io.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import type { Decision, Signed, Status } from "../../src/core/messages/messages.ts";
import { TestClient } from "./_client.ts";
import { Cluster, type Options } from "./_cluster.ts";
import { signed } from "./_messages.ts";

const LATENCY_MS = 10;
const ROUND_TRIP_MS = 2 * LATENCY_MS;
/** As at hosts that sleep. */
const EDGE: Partial<Settings> = { idleStatusMs: 60_000, viewTimeoutMs: 2_000, slowPrimaryMs: 6_000 };

function decisionOf(replica: number, commits: Decision["commits"]): Signed<Decision> {
  return signed<Decision>({ kind: "decision", replica: replica as ReplicaId, commits });
}

function statusOf(replica: number, fields: { readonly number: number; readonly executed: number }): Signed<Status> {
  const nothing = { view: 0, phase: "active", stable: 0, votesAbove: 0, challenge: 0, echo: 0, seen: 0, stages: [] };
  return signed({ kind: "status", replica, ...nothing, ...fields } as unknown as Status);
}

/** A cluster, and one of its replicas that is away. */
class Absence {
  readonly cluster: Cluster;
  readonly ada: TestClient;
  readonly away: number;
  #count = 0;

  constructor(n: number, options: Options = {}) {
    this.cluster = new Cluster({ n, checkpointInterval: 64, logWindow: 256, latencyMs: 1, ...options });
    this.away = n - 2;
    this.ada = new TestClient(this.cluster, 1).open();
    this.cluster.crash(this.away);
  }

  executed(id: number): number {
    return this.cluster.host(id).replica?.status().lastExecuted ?? 0;
  }

  /** How far the others are. */
  get target(): number {
    return Math.max(...this.cluster.hosts.map(({ id }) => this.executed(id)));
  }

  get isBack(): boolean {
    return this.executed(this.away) >= this.target;
  }

  /** So many batches are executed. */
  execute(batches: number): this {
    for (let i = 0; i < batches; i++) this.ada.call([`k${i % 50}=${++this.#count}`]);
    return this;
  }

  /** The primary dies, the neighbour of the one that is away, and more, up to f; it is a while until anything happens. */
  killOthers(count = Math.floor((this.cluster.hosts.length - 1) / 3)): this {
    for (const id of [0, this.away + 1, 1].slice(0, count)) this.cluster.crash(id);
    this.cluster.runFor(10_000);
    return this;
  }

  /** It comes back. Gives how long it takes until it has all, ms. */
  comeBack(limitMs = 60_000): number {
    const { cluster, away } = this;
    const began = cluster.now;
    cluster.start(away);
    cluster.runUntil(() => this.isBack, limitMs, "caught up");
    return cluster.now - began;
  }
}

for (const n of [4, 7, 10]) {
  for (const batches of [30, 255, 600]) {
    for (const [name, settings] of Object.entries({ usual: {}, edge: EDGE })) {
      Deno.test(`n = ${n}, f dead: a replica that returns after ${batches} batches has caught up within three round trips (${name})`, () => {
        const absence = new Absence(n, { latencyMs: LATENCY_MS, settings }).execute(batches).killOthers();
        assertLessOrEqual(absence.comeBack(), 3 * ROUND_TRIP_MS);
        absence.cluster.runFor(100);
        absence.cluster.assertAlike();
      });
    }
  }
}

/** What is asked of whom, as the returning replica asks it. */
function asked(absence: Absence): { to: number; digests: number }[] {
  const fetches: { to: number; digests: number }[] = [];
  absence.cluster.filter = (from, to, message) => {
    if (from === absence.away && message.kind === "fetch") fetches.push({ to, digests: message.digests.length });
    return true;
  };
  return fetches;
}

Deno.test("bodies are fetched in bulk, each once, from the peers that are up", () => {
  const absence = new Absence(7).execute(60).killOthers();
  const fetches = asked(absence);
  absence.comeBack();
  assertEquals(fetches.reduce((sum, { digests }) => sum + digests, 0), 60);
  assertLessOrEqual(fetches.length, 4);
  for (const { to } of fetches) assert(absence.cluster.host(to).replica, `${to} is dead`);
});

/** What a peer that lies makes of the blobs that it is asked for. */
const LIES: Record<string, (blobs: readonly FetchedBlob[]) => readonly FetchedBlob[]> = {
  "delivers nothing": () => [],
  "delivers junk": (blobs) =>
    blobs.map(({ digest }, i) => ({ digest: `${i}`.padStart(64, "f") as typeof digest, bytes: new Uint8Array(9) })),
  "delivers each thing twice, backwards": (blobs) => [...blobs, ...blobs].reverse(),
  "delivers one of many": (blobs) => blobs.slice(-1),
};

for (const [what, lie] of Object.entries(LIES)) {
  for (const batches of [60, 255]) {
    Deno.test(`f = 2 of 7: a peer that ${what} delays no replica for long (${batches} batches)`, () => {
      const absence = new Absence(7).execute(batches).killOthers(1);
      const liar = 1;
      absence.cluster.serves = (from, blobs) => from === liar ? lie(blobs) : blobs;
      assertLessOrEqual(absence.comeBack(), 500);
      absence.cluster.assertAlike();
    });
  }
}

Deno.test("peers that stay silent about what they have, or claim to be far ahead, delay no replica for long", () => {
  for (const batches of [60, 255]) {
    const absence = new Absence(7).execute(batches).killOthers(0);
    absence.cluster.filter = (from, _to, { kind }) => from > 1 || (kind !== "blobs" && kind !== "decision");
    const before = absence.cluster.onStep;
    absence.cluster.onStep = (host, input, ready) => {
      for (const { message: { message } } of ready.messages) {
        if (host.id <= 1 && message.kind === "status") Object.assign(message, { executed: 1_000_000 });
      }
      before(host, input, ready);
    };
    const { cluster } = absence;
    const target = absence.target;
    const began = cluster.now;
    cluster.start(absence.away);
    cluster.runUntil(() => absence.executed(absence.away) >= target, 60_000);
    assertLessOrEqual(cluster.now - began, 700);
    // Who claims without end is asked ever more rarely.
    let statuses = 0;
    cluster.onStep = (host, _input, ready) => {
      if (host.id !== absence.away) return;
      statuses += ready.messages.filter(({ message: { message } }) => message.kind === "status").length;
    };
    cluster.runFor(60_000);
    assertLessOrEqual(statuses, 120);
  }
});

Deno.test("only those are asked for decisions that have executed more", () => {
  const cluster = new Cluster();
  new TestClient(cluster, 1).open();
  cluster.filter = () => false;
  const executed = cluster.host(3).replica!.status().lastExecuted;
  const asked: unknown[] = [];
  cluster.onStep = ({ id }, _input, { messages }) => {
    if (id !== 3) return;
    asked.push(...messages.flatMap(({ to, message: { message } }) => message.kind === "status" ? [to] : []));
  };
  for (const replica of [0, 2]) cluster.deliver(3, statusOf(replica, { number: 2_000_000, executed }));
  assertEquals(asked, []);
  cluster.deliver(3, statusOf(1, { number: 2_000_000, executed: executed + 5 }));
  assertEquals(asked, [1]);
});

for (const n of [4, 7, 10]) {
  Deno.test(`f of ${n} that give one decision at a time, and were heard last, do not hold up a replica whose links were down`, () => {
    const cluster = new Cluster({ n, checkpointInterval: 256, latencyMs: 5 });
    const ada = new TestClient(cluster, 1).open();
    const away = n - 1;
    const liars = Array.from({ length: Math.floor((n - 1) / 3) }, (_, i) => i + 1);
    cluster.filter = (from, to) => from !== away && to !== away;
    for (let i = 1; i <= 200; i++) ada.call([`x=${i}`]);
    cluster.runFor(3_000);
    cluster.filter = (from, to) => to !== away || !liars.includes(from);
    const [began, { committed }] = [cluster.now, cluster.host(0).disk];
    const executed = (id: number) => cluster.host(id).replica!.status().lastExecuted;
    for (let number = 1_000_000; executed(away) < executed(0); number++) {
      const next = committed.get(executed(away) + 1)!;
      cluster.deliver(away, decisionOf(liars[number % liars.length]!, next.commits));
      for (const replica of liars) cluster.deliver(away, statusOf(replica, { number, executed: executed(0) + 1 }));
      cluster.runFor(100);
    }
    assertLessOrEqual(cluster.now - began, 2_500); // the correct ones, which are idle, send a status every two seconds
  });
}

Deno.test("a replica that restarts while it catches up continues to catch up", () => {
  const absence = new Absence(4).execute(255).killOthers();
  const { cluster, away } = absence;
  cluster.start(away);
  for (let i = 0; i < 5 && !absence.isBack; i++) {
    cluster.runFor(2);
    cluster.crash(away);
    cluster.runFor(20);
    cluster.start(away);
  }
  cluster.runUntil(() => absence.isBack, 100, "caught up");
});

Deno.test("two replicas that return at once both catch up, although neither can supply the other", () => {
  const absence = new Absence(7);
  absence.cluster.crash(4);
  absence.execute(255);
  absence.cluster.crash(0);
  absence.cluster.crash(6);
  absence.cluster.runFor(3_000);
  const began = absence.cluster.now;
  absence.cluster.start(4);
  absence.comeBack();
  absence.cluster.runUntil(() => absence.executed(4) >= absence.target);
  assertLessOrEqual(absence.cluster.now - began, 200);
});

Deno.test("after 255 batches and with the primary down, the replica that returns completes the quorum: requests are answered again", () => {
  for (const settings of [{}, EDGE]) {
    const absence = new Absence(4, { latencyMs: LATENCY_MS, settings }).execute(255).killOthers();
    const { cluster, ada } = absence;
    const began = cluster.now;
    cluster.start(absence.away);
    ada.call(["late=1"]);
    const { viewTimeoutMs } = { viewTimeoutMs: 400, ...settings };
    assertLessOrEqual(cluster.now - began, 3 * viewTimeoutMs);
  }
});

Deno.test("a replica that returns under load catches up with the others while they go on", () => {
  const absence = new Absence(4).execute(300);
  const { cluster, away } = absence;
  const began = cluster.now;
  cluster.start(away);
  for (let i = 0; cluster.now < began + 1_000; i++) absence.execute(1);
  cluster.runUntil(() => absence.isBack, 100, "caught up");
  // And it stays with them.
  absence.execute(50);
  assertLessOrEqual(absence.target - absence.executed(away), 1);
});

Deno.test("lost, doubled and late messages delay catching up by only some timeouts", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const absence = new Absence(4, { seed }).execute(255).killOthers();
    const lossy = absence.cluster.random;
    absence.cluster.filter = () => lossy.next() > 0.1;
    assertLessOrEqual(absence.comeBack(), 3_000);
  }
});
