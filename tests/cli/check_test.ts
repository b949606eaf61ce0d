import { assertEquals, assertStringIncludes } from "@std/assert";
import { type MemberReport, type MemberStatus, tableOf } from "../../src/cli/check.ts";
import { main } from "../../src/cli/mod.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { genesisOf, NAMES } from "../node/_cluster.ts";

const genesis = genesisOf(4);
const cluster = { genesis, urls: Object.fromEntries(NAMES.map((name) => [name, `https://${name}.example`])) };

function report(name: string, status: Partial<MemberStatus> = {}, skewMs = 0): MemberReport {
  const well: MemberStatus = {
    nodeID: name,
    cluster: clusterId(genesis),
    ready: true,
    halted: null,
    storeError: null,
    transferring: false,
    hasLostDisk: false,
    viewID: 0,
    active: true,
    lastExecuted: 100,
    now: 0,
  };
  return { name, url: `https://${name}.example`, status: { ...well, ...status }, skewMs, hasKey: true };
}

const others = ["Ball", "Candy", "Dog"].map((name) => report(name));

Deno.test("check finds nothing wrong with a cluster that is well", () => {
  const { lines, isWell } = tableOf(cluster, [report("Apple", { lastExecuted: 97 }), ...others]);
  assertEquals(isWell, true);
  assertEquals(lines[1], "Apple   https://Apple.example  0     97        +0.0 s  well");
});

for (
  const [what, fault, words] of [
    ["of another cluster", report("Apple", { cluster: "0".repeat(64) }), "another cluster: 00000000, expected "],
    ["at another's URL", report("Apple", { nodeID: "Dog" }), "this is Dog: two members' URLs are exchanged"],
    ["halted", report("Apple", { halted: "it has diverged" }), "halted: it has diverged"],
    ["whose store fails", report("Apple", { storeError: "disk full" }), "its store fails: disk full"],
    ["behind", report("Apple", { lastExecuted: 60 }), "40 batches behind"],
    ["in a view that waits", report("Apple", { viewID: 2, active: false }), "waits for view 2 to start"],
    ["with a wrong clock", report("Apple", {}, -3_000), "its clock is 3.0 s behind"],
  ] as const
) {
  Deno.test(`check finds the member that is ${what}`, () => {
    const { lines, isWell } = tableOf(cluster, [fault, ...others]);
    assertEquals(isWell, false);
    assertStringIncludes(lines[1]!, words);
  });
}

Deno.test("check asks each member, and says which can't be reached and which refuses", async () => {
  const folder = await Deno.makeTempDir();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    if (url.endsWith("/apple/status")) {
      return Response.json({ ...report("Apple").status, now: Date.now() });
    }
    return Response.json({ detail: "privateKey: expected Ball's" }, { status: 503 });
  });
  try {
    const { port } = server.addr;
    const base = `http://127.0.0.1:${port}`;
    const urls = { Apple: `${base}/apple`, Ball: `${base}/ball`, Candy: "http://127.0.0.1:9", Dog: `${base}/dog` };
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify({ genesis, urls }));
    const printed: string[] = [];
    assertEquals(await main(["check", `${folder}/cluster.json`], (line) => printed.push(line)), 1);
    assertStringIncludes(printed[1]!, "well");
    assertStringIncludes(printed[2]!, "answers 503: privateKey: expected Ball's");
    assertStringIncludes(printed[3]!, "unreachable");
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
