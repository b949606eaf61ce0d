/** Nothing listens at the primary's address: it is suspected sooner, by each replica for itself, and deposed by f + 1 as ever. */
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_SETTINGS } from "../../src/core/config.ts";
import type { Input } from "../../src/core/io.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { show } from "./_messages.ts";

type PrePrepareInput = Extract<Input, { readonly kind: "pre-prepare" }>;

const TIMEOUT_MS = DEFAULT_SETTINGS.viewTimeoutMs;
const PRIMARY = 0 as ReplicaId;

const refuse = (cluster: Cluster, backups: readonly number[]) => {
  for (const id of backups) cluster.step(id, { kind: "refused", peer: PRIMARY });
};
const viewOf = (cluster: Cluster, id: number) => cluster.host(id).replica!.status().view as number;
const suspicions = (cluster: Cluster) => cluster.events.filter(({ event }) => event.kind === "suspicion").length;

function setUp() {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (let i = 0; i < 5; i++) ada.call([`x=${i}`]);
  cluster.runFor(3_000);
  return { cluster, ada };
}

/** How long a dead primary is waited for once a request waits, ms. */
function waitedMs(hints: (cluster: Cluster) => void): number {
  const { cluster, ada } = setUp();
  cluster.crash(PRIMARY);
  const request = ada.request(["x=5"]);
  cluster.submit(request, [1, 2, 3]);
  const began = cluster.now;
  hints(cluster);
  cluster.runUntil(() => [1, 2, 3].every((id) => viewOf(cluster, id) > 0), 5_000, "all have left the view");
  const waited = cluster.now - began;
  cluster.runUntil(() => cluster.accepted(request.digest) !== null, 5_000, "the request is executed");
  assertEquals(cluster.accepted(request.digest)?.map(show), ["ok 6"]);
  return waited;
}

Deno.test("a dead primary whose host refuses connections is replaced after a quarter of the timeout", () => {
  const waited = waitedMs((cluster) => refuse(cluster, [1, 2, 3]));
  assert(waited >= TIMEOUT_MS / 4 && waited < TIMEOUT_MS / 2, `${waited} ms`);
  const known = waitedMs((cluster) => {
    cluster.runFor(1);
    refuse(cluster, [2, 3]);
  });
  assert(known < TIMEOUT_MS / 2, `f + 1 are enough: ${known} ms`);
});

Deno.test("a refusal that was noted while nothing waited counts when something does", () => {
  const { cluster, ada } = setUp();
  cluster.crash(PRIMARY);
  refuse(cluster, [1, 2, 3]);
  cluster.runFor(20_000);
  assertEquals([suspicions(cluster), viewOf(cluster, 1)], [0, 0], "nobody waits, and nobody is suspected");
  cluster.submit(ada.request(["x=5"]), [1, 2, 3]);
  const began = cluster.now;
  cluster.runUntil(() => [1, 2, 3].every((id) => viewOf(cluster, id) > 0), 5_000, "all have left the view");
  assert(cluster.now - began < TIMEOUT_MS / 2, `${cluster.now - began} ms`);
});

Deno.test("without it, or where only one replica has it, a dead primary gets the whole timeout", () => {
  for (const backups of [[], [2]]) {
    const waited = waitedMs((cluster) => {
      for (let ms = 0; ms < TIMEOUT_MS; ms += 20) {
        cluster.runFor(20);
        if (backups.length > 0 && ms < TIMEOUT_MS - 40) refuse(cluster, backups);
      }
    });
    assert(waited >= TIMEOUT_MS, `${waited} ms`);
  }
});

Deno.test("a network that refuses the connections of one backup has no primary replaced", () => {
  const { cluster, ada } = setUp();
  cluster.events.length = 0;
  cluster.filter = (from, to) => !(from === 3 && to === PRIMARY) && !(from === PRIMARY && to === 3);
  for (let i = 0; i < 100; i++) {
    refuse(cluster, [3]);
    cluster.submit(ada.request([`y=${i}`]));
    cluster.runFor(50);
  }
  assertEquals([0, 1, 2].map((id) => viewOf(cluster, id)), [0, 0, 0]);
  assertEquals(cluster.events.filter(({ event }) => event.kind === "view-change"), []);
});

Deno.test("a primary that is heard again within the share is not suspected, and refusals from before count no more", () => {
  const { cluster, ada } = setUp();
  cluster.events.length = 0;
  for (let i = 0; i < 20; i++) {
    cluster.crash(PRIMARY);
    refuse(cluster, [1, 2, 3]);
    cluster.submit(ada.request([`y=${i}`]), [1, 2, 3]);
    cluster.runFor(TIMEOUT_MS / 4 - 20);
    cluster.restart(PRIMARY);
    cluster.runFor(3_000);
  }
  assertEquals([suspicions(cluster), viewOf(cluster, 1)], [0, 0]);
  // Its next requests have the whole timeout again.
  cluster.filter = (from) => from !== PRIMARY;
  cluster.submit(ada.request(["y=20"]));
  cluster.runFor(TIMEOUT_MS - 20);
  assertEquals(suspicions(cluster), 0);
});

Deno.test("a dead primary's proposals, which the backups pass on, do not make it look alive", () => {
  const { cluster, ada } = setUp();
  let last: { readonly prePrepare: PrePrepareInput; readonly to: number } | null = null;
  cluster.onStep = ({ id }, input) => {
    if (input.kind === "pre-prepare") last = { prePrepare: input, to: id };
  };
  ada.call(["x=5"]);
  cluster.crash(PRIMARY);
  cluster.submit(ada.request(["x=6"]), [1, 2, 3]);
  const began = cluster.now;
  refuse(cluster, [1, 2, 3]);
  while (cluster.now - began < TIMEOUT_MS / 4) {
    for (const id of [1, 2, 3]) cluster.step(id, last!.prePrepare);
    cluster.runFor(10);
  }
  cluster.runUntil(() => [1, 2, 3].every((id) => viewOf(cluster, id) > 0), 5_000, "all have left the view");
  assert(cluster.now - began < TIMEOUT_MS / 2, `${cluster.now - began} ms`);
});

Deno.test("refusals again and again do not put the suspicion off, and those of backups hasten nothing", () => {
  const often = waitedMs((cluster) => {
    for (let i = 0; i < 50; i++) {
      refuse(cluster, [1, 2, 3]);
      cluster.runFor(3);
    }
  });
  assert(often < TIMEOUT_MS / 2, `${often} ms`);
  const others = waitedMs((cluster) => {
    for (const id of [1, 2, 3]) {
      for (const peer of [1, 2, 3]) if (peer !== id) cluster.step(id, { kind: "refused", peer: peer as ReplicaId });
    }
  });
  assert(others >= TIMEOUT_MS, `${others} ms`);
});
