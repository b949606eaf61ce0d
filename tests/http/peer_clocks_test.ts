import { assert, assertEquals, assertMatch } from "@std/assert";
import { millis, replicaId } from "../../src/core/messages/ids.ts";
import { createApp, MEMBER_HEADER, Membership } from "../../src/http/mod.ts";
import { PeerClocks } from "../../src/http/peers/peer_clocks.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { FakeNode } from "./fake_node.ts";
import { genesisOf, keyPairOf } from "../node/_cluster.ts";

/** A host whose wall clock can be set; `passed` is what really passes, ms. */
class Host {
  passed = 0;
  setBy = 0;
  readonly hostEvents: HostEvent[] = [];
  readonly clocks: PeerClocks;
  readonly timer = {
    now: () => millis(1_000_000_000 + this.passed + this.setBy),
    monotonic: () => this.passed,
  };

  constructor(readonly n = 4) {
    this.clocks = new PeerClocks({ n, timer: this.timer, onHostEvent: (event) => this.hostEvents.push(event) });
  }

  /** Each of these members shows a clock that is so far ahead of the right one, `lateMs` after it has read it. */
  hear(skews: readonly number[], lateMs = 0): void {
    this.passed += 10_000;
    skews.forEach((skew, index) => {
      this.clocks.heard(replicaId(index + 1), 1_000_000_000 + this.passed + skew - lateMs);
    });
  }

  get told(): readonly [string, number][] {
    return this.hostEvents.splice(0).map((event) => [event.kind, "aheadMs" in event ? event.aheadMs : 0]);
  }
}

Deno.test("a wrong clock is noticed by comparison with the others, whatever f faulty members show; a right one stays right", () => {
  for (const [n, f] of [[4, 1], [7, 2], [10, 3]] as const) {
    for (const lie of [-1e12, -5_000, 0, 5_000, 1e12]) {
      for (const own of [0, 60_000, -60_000]) {
        const host = new Host(n);
        host.setBy = own;
        for (let i = 0; i < 2; i++) host.hear([...new Array(f).fill(lie), ...new Array(n - 1 - f).fill(0)]);
        assertEquals([host.clocks.ahead, host.told.length], [own, own === 0 ? 0 : 1], `n = ${n}, ${lie}, ${own}`);
      }
    }
  }
});

Deno.test("clocks of the others that were wrong, and are set right, make no right clock look wrong for longer", () => {
  const host = new Host();
  host.hear([0, 0, 0]);
  const day = 86_400_000;
  for (let i = 0; i < 2; i++) host.hear([day, day, day]);
  assertEquals([host.clocks.ahead, host.told.length], [-day, 1]);
  for (let i = 0; i < 2; i++) host.hear([0, 0, 0]);
  assertEquals([host.clocks.ahead, host.told], [0, [["clock-right", 0]]]);
  host.hear([0, 0, 0], 5_000); // late, and still right
  assertEquals([host.clocks.ahead, host.told], [0, []]);
});

Deno.test("fewer than f + 1 other clocks give no offset; f + 1 give the smallest offset that all of them show", () => {
  const host = new Host(7);
  assertEquals(host.clocks.ahead, null);
  host.hear([9_000, 9_000]);
  assertEquals(host.clocks.ahead, null);
  host.hear([9_000, 9_000, 5_000]);
  assertEquals(host.clocks.ahead, -5_000);
  const other = new Host(7);
  other.hear([9_000, 9_000, -5_000]);
  assertEquals(other.clocks.ahead, 0);
});

Deno.test("a cluster of one has no other clocks to compare with", () => {
  const host = new Host(1);
  host.hear([]);
  assertEquals(host.clocks.ahead, null);
});

Deno.test("late deliveries do not make a clock look slow if one came fast; a clock that was set back shows within ten minutes", () => {
  const host = new Host();
  host.hear([0, 0, 0], 3);
  for (let i = 0; i < 20; i++) host.hear([0, 0, 0], 4_000);
  assertEquals(host.clocks.ahead, 3);
  for (let i = 0; i < 61; i++) host.hear([-7_000, -7_000, 0]);
  assertEquals(host.clocks.ahead, 7_000);
  assertEquals(host.clocks.aheadOf(replicaId(3)), 0);
});

Deno.test("a change of the own clock shows even where sockets stay open and bring no stamp for a day", () => {
  const host = new Host();
  host.hear([0, 0, 0]);
  host.passed += 86_400_000;
  assertEquals(host.clocks.ahead, 0);
  host.setBy = -3_600_000;
  assertEquals(host.clocks.ahead, -3_600_000);
});

Deno.test("a wrong clock is reported once, then each hour, and once when it is right again", () => {
  const host = new Host();
  host.setBy = 2_500;
  for (let ms = 0; ms < 3_600_000; ms += 10_000) host.hear([0, 0, 0]);
  assertEquals(host.told, [["clock-wrong", 2_500]]);
  host.hear([0, 0, 0]);
  assertEquals(host.told, [["clock-wrong", 2_500]]);
  host.setBy = 1_500; // not far enough from the bound
  host.hear([0, 0, 0]);
  assertEquals(host.told, []);
  host.setBy = 20;
  for (let i = 0; i < 9; i++) host.hear([0, 0, 0]);
  assertEquals(host.told, [["clock-right", 20]]);
});

Deno.test("clocks in members' deliveries reach /status, /metrics and the observers; a stranger's do not", async () => {
  const genesis = genesisOf(4);
  const host = new Host();
  host.setBy = 30_000;
  const node = new FakeNode();
  const hostEvents: HostEvent[] = [];
  const told = Object.assign(node, {
    genesis,
    self: replicaId(0),
    report: (event: HostEvent) => hostEvents.push(event),
  });
  const memberAt = (self: number, skew: number) => {
    const now = () => 1_000_000_000 + host.passed + skew;
    const { privateKey } = keyPairOf(self + 1);
    return new Membership({ genesis, self: replicaId(self), privateKey, monotonic: host.timer.monotonic, now });
  };
  const timer = { ...host.timer, schedule: () => () => {}, soon: (run: () => void) => run() };
  const app = createApp(told as never, { timer: timer as never, membership: memberAt(0, 0) });
  const body = new Uint8Array();
  const deliver = async (self: number, skew: number, change = (header: string) => header) => {
    const header = change(await memberAt(self, skew).prove(replicaId(0), "deliver", body));
    await (await app.request("/messages", { method: "POST", headers: { [MEMBER_HEADER]: header }, body })).body
      ?.cancel();
  };
  const status = async () => await (await app.request("/status")).json();
  assertEquals((await status()).clockAheadMs, null);
  assertMatch(
    await (await app.request("/status?pretty")).text(),
    /clock +unknown: too few other members have shown their clocks/,
  );
  for (const self of [1, 2, 3]) await deliver(self, 0, (header) => `${header.slice(0, -3)}AAA`);
  assertEquals((await status()).clockAheadMs, null);
  await deliver(1, 0);
  host.passed += 10_000;
  await deliver(2, -1e8);
  host.passed += 10_000;
  await deliver(3, 0);
  const { clockAheadMs, peers } = await status();
  assertEquals(clockAheadMs, 30_000);
  assert(peers.some((peer: { clockAheadMs: number }) => peer.clockAheadMs !== null));
  assertEquals(hostEvents, [{ kind: "clock-wrong", aheadMs: 30_000 }]);
  assertMatch(await (await app.request("/metrics")).text(), /\npbft_clock_ahead_seconds 30\n/);
  assertMatch(await (await app.request("/status?pretty")).text(), /clock +30000 ms ahead of the others'/);
});
