import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { linesOf } from "../../src/cli/commands/check.ts";
import type { MemberStatus } from "../../src/cli/check/answers.ts";
import type { MemberReport } from "../../src/cli/check/member.ts";
import { judge } from "../../src/cli/check/verdict.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { firstEpoch } from "../../src/wire/epochs/mod.ts";
import { genesisOf, NAMES } from "../node/_cluster.ts";

const genesis = genesisOf(4);
const urls = Object.fromEntries(NAMES.map((name) => [name, `https://${name}.example`]));
const file = { genesis, urls };
const cluster = firstEpoch(file, clusterId(genesis));
const HISTORY = "a".repeat(64);

function report(name: string, status: Partial<MemberStatus> = {}, more: Partial<MemberReport> = {}): MemberReport {
  const well: MemberStatus = {
    nodeID: name,
    cluster: clusterId(genesis),
    epoch: 0,
    ready: true,
    notReady: null,
    halted: null,
    storeError: null,
    transferring: false,
    recovering: false,
    viewID: 0,
    active: true,
    lastExecuted: 100,
    history: HISTORY,
    now: 0,
  };
  const url = `https://${name}.example`;
  return { name, url, status: { ...well, ...status }, skewMs: 0, key: "held", proven: [], ...more };
}

function gone(name: string): MemberReport {
  return { ...report(name), status: null, skewMs: null, key: "none", failure: "unreachable" };
}

function misconductOf(accused: number): MemberReport["proven"][number] {
  const { name, publicKey } = genesis.replicas[accused]!;
  const what = { kind: "checkpoint", epoch: 0, view: null, sequence: null, digests: null } as const;
  return { accused: accused as ReplicaId, name, publicKey, ...what };
}

const others = ["Ball", "Candy", "Dog"].map((name) => report(name));

Deno.test("without faults the verdict is healthy, and says how many more members may fail", () => {
  const judgement = judge(cluster, [report("Apple", { lastExecuted: 97, history: "b".repeat(64) }), ...others]);
  assertEquals([judgement.verdict, judgement.voting, judgement.executed, judgement.primary], [
    "healthy",
    4,
    100,
    "Apple",
  ]);
  const lines = linesOf({ source: "here", cluster: file }, judgement);
  assertEquals(
    lines[0],
    "HEALTHY: 4 of 4 members vote, a quorum is 3: 1 more may fail; view 0, primary Apple, 100 batches executed",
  );
  assertEquals(lines[3], "Apple   https://Apple.example  0     97        +0.0 s  healthy");
});

const OUT = true;
const IN = false;
for (
  const [what, wrong, isOut, words] of [
    ["unreachable", gone("Apple"), OUT, "unreachable"],
    ["of another cluster", report("Apple", { cluster: "0".repeat(64) }), OUT, "another cluster: 00000000, expected "],
    ["at another's URL", report("Apple", { nodeID: "Dog" }), OUT, "this is Dog: two members' URLs are exchanged"],
    [
      "without its key",
      report("Apple", {}, { key: "not-held" }),
      OUT,
      "the server at this URL does not hold Apple's key",
    ],
    [
      "without an answer to show its key",
      report("Apple", {}, { key: "none" }),
      OUT,
      "answers no query: unknown whether it holds",
    ],
    ["halted", report("Apple", { halted: "it has diverged" }), OUT, "halted: it has diverged"],
    ["with a store that fails", report("Apple", { storeError: "disk full" }), OUT, "its store fails: disk full"],
    [
      "without its disk",
      report("Apple", { recovering: true }),
      OUT,
      "is recovering from a lost disk, and does not vote yet",
    ],
    ["fetching the state", report("Apple", { transferring: true }), OUT, "is fetching the state from the others"],
    [
      "not ready",
      report("Apple", { ready: false, notReady: "no quorum in reach" }),
      OUT,
      "not ready: no quorum in reach",
    ],
    ["behind", report("Apple", { lastExecuted: 60 }), IN, "40 batches behind"],
    ["in a view that waits", report("Apple", { active: false }), OUT, "waits for view 0 to start"],
    ["with a wrong clock", report("Apple", {}, { skewMs: -3_000 }), IN, "its clock is 3.0 s behind"],
    [
      "with another history",
      report("Apple", { history: "b".repeat(64) }),
      OUT,
      "has executed other batches than f + 1",
    ],
    [
      "boasting of a view",
      report("Apple", { viewID: 2 ** 53 - 1 }),
      OUT,
      "claims view 9007199254740991, which fewer",
    ],
    [
      "boasting of batches",
      report("Apple", { lastExecuted: 1e15 }),
      OUT,
      "claims 1000000000000000 executed batches",
    ],
  ] as const
) {
  Deno.test(`a member that is ${what} is found, and none but it`, () => {
    const judgement = judge(cluster, [wrong, ...others]);
    assertEquals([judgement.verdict, judgement.voting], ["degraded", isOut ? 3 : 4]);
    assertEquals([judgement.view, judgement.executed], [0, 100]);
    assertEquals(judgement.members.map(({ faults }) => faults.length), [1, 0, 0, 0]);
    assertStringIncludes(judgement.members[0]!.faults[0]!.text, words);
    const lines = linesOf({ source: "here", cluster: file }, judgement);
    assertMatch(lines[1]!, isOut ? /^wrong: Apple \(does not count\): / : /^wrong: Apple: /);
  });
}

Deno.test("no claim of a single liar makes a correct member look wrong, whatever it is and whoever makes it", () => {
  const extremes = [0, 1, 99, 101, 1e6, Number.MAX_SAFE_INTEGER];
  for (let liar = 0; liar < 4; liar++) {
    for (const viewID of extremes) {
      for (const lastExecuted of extremes) {
        for (
          const lie of [{}, { active: false }, { ready: false }, { history: "b".repeat(64) }, { recovering: true }]
        ) {
          for (const skewMs of [-1e15, 0, 1e15]) {
            const reports = NAMES.map((name, i) => {
              const ahead = report(name, { viewID: 3, lastExecuted: 100 + i });
              return i === liar ? report(name, { viewID, lastExecuted, ...lie }, { skewMs }) : ahead;
            });
            const { members, view, voting, ownFault } = judge(cluster, reports);
            const wrong = members.filter((member, i) => i !== liar && member.faults.length > 0);
            assertEquals([wrong, view, ownFault], [[], 3, null]);
            assertEquals(voting >= 3, true);
          }
        }
      }
    }
  }
});

Deno.test("with fewer than a quorum that vote the cluster is unavailable, although these members are healthy", () => {
  const judgement = judge(cluster, [report("Apple"), report("Ball"), gone("Candy"), gone("Dog")]);
  assertEquals([judgement.verdict, judgement.voting], ["unavailable", 2]);
  assertStringIncludes(
    linesOf({ source: "here", cluster: file }, judgement)[0]!,
    "UNAVAILABLE: 2 of 4 members vote, a quorum is 3: 1 too few",
  );
  const alone = judge(cluster, [gone("Apple"), gone("Ball"), gone("Candy"), report("Dog", { viewID: 9 })]);
  assertEquals([alone.verdict, alone.view, alone.executed, alone.primary], ["unavailable", null, null, null]);
});

Deno.test("members that are each in a view of their own make no quorum", () => {
  const judgement = judge(cluster, NAMES.map((name, i) => report(name, { viewID: i })));
  assertEquals([judgement.verdict, judgement.view, judgement.voting], ["unavailable", 2, 1]);
});

Deno.test("in a busy cluster who was asked early is not behind, and who was asked late does not boast", () => {
  const first = NAMES.map((name, i) => report(name, { lastExecuted: 1_000 + 50 * i }));
  const second = NAMES.map((name, i) => report(name, { lastExecuted: 2_000 - 50 * i }));
  assertEquals(judge(cluster, second, first).verdict, "healthy");
  const boaster = [report("Apple", { lastExecuted: 1e9 + 1 }), ...second.slice(1)];
  const before = [report("Apple", { lastExecuted: 1e9 }), ...first.slice(1)];
  assertEquals(judge(cluster, boaster, before).members[0]!.faults[0]!.kind, "claims-executed");
  const stuck = [report("Apple", { lastExecuted: 100 }), ...second.slice(1)];
  assertEquals(judge(cluster, stuck, first).members[0]!.faults.map(({ kind }) => kind), ["behind"]);
});

Deno.test("where most clocks differ from ours by the same, ours is wrong", () => {
  const judgement = judge(cluster, NAMES.map((name, i) => report(name, {}, { skewMs: i === 3 ? 0 : 60_000 })));
  assertEquals(judgement.ownFault, "this machine's clock is 60.0 s behind");
  assertEquals(judgement.members.map(({ faults }) => faults.length), [0, 0, 0, 1]);
});

Deno.test("a member whose misconduct is proven by evidence does not count", () => {
  const judgement = judge(cluster, [
    ...others.slice(0, 0),
    report("Apple"),
    report("Ball", {}, { proven: [misconductOf(3)] }),
    ...others.slice(1),
  ]);
  assertEquals([judgement.verdict, judgement.voting], ["degraded", 3]);
  assertEquals(judgement.members[3]!.faults.map(({ text }) => text), [
    "has signed messages that contradict each other (evidence at Ball)",
  ]);
});

Deno.test("a cluster of one is its own ground", () => {
  const one = genesisOf(1);
  const alone = firstEpoch({ genesis: one, urls: { Apple: "https://Apple.example" } }, clusterId(one));
  const judgement = judge(alone, [report("Apple", { cluster: clusterId(one), viewID: 3, lastExecuted: 7 })]);
  assertEquals([judgement.verdict, judgement.view, judgement.executed], ["healthy", 3, 7]);
});

Deno.test("members of another epoch do not count, and who claims a later one without its chain is not believed", () => {
  const later = { ...cluster, number: 2, start: { sequence: 64, root: HISTORY } } as unknown as typeof cluster;
  const [here, before, beyond] = [2, 1, 9].map((epoch) => (name: string) => report(name, { epoch, lastExecuted: 90 }));
  const judgement = judge(later, [before!("Apple"), beyond!("Ball"), here!("Candy"), here!("Dog")]);
  assertEquals([judgement.verdict, judgement.voting, judgement.executed], ["unavailable", 2, 90]);
  assertEquals(judgement.members.map(({ faults }) => faults[0]?.text), [
    "in epoch 1, the cluster is in epoch 2",
    "claims epoch 9, and shows no chain that leads there from epoch 2",
    undefined,
    undefined,
  ]);
  const old = judge(later, NAMES.map((name) => before!(name)));
  assertEquals([old.verdict, old.voting, old.executed], ["unavailable", 0, null]);
});
