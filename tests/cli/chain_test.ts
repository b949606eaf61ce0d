/** The verbs follow the chain of epochs, and keep what they learn of it beside the cluster file. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { KeptChain, pathBeside } from "../../src/cli/members/kept_chain.ts";
import { readCluster } from "../../src/cli/find_cluster.ts";
import { chainJson } from "../../src/cli/members/chain_file.ts";
import { followLinks, followMembers } from "../../src/cli/members/follow.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { decodeLink, type Epoch, firstEpoch, followLink, propose } from "../../src/wire/epochs/mod.ts";
import { fromBase64, toBase64 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, OTHERS, urlsOf } from "../node/_epochs.ts";
import { crypto, linkOf, operationFor } from "../wire/_epochs.ts";
import { inFolder } from "../tools/folder.ts";
import { json, printed, refused, served } from "./_served.ts";

const linksIn = async (path: string): Promise<string[]> => JSON.parse(await Deno.readTextFile(path)).links;

/** Serves on the port of a member that is gone. */
function imposter(url: string, answer: (path: string) => Response) {
  const { port } = new URL(url);
  return Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen: () => {} }, async (request) => {
    await request.body?.cancel();
    return answer(new URL(request.url).pathname);
  });
}

Deno.test("with all members of the genesis gone, the verbs go on with the members that the kept chain names", async () => {
  await served([...FOUR, ...OTHERS], async (folder, urls, replicas) => {
    const at = ["--cluster", `${folder}/cluster.json`];
    const [file, kept, elsewhere] = [`${folder}/next.json`, `${folder}/chain.json`, `${folder}/other.json`];
    assertEquals((await printed("set", "x", "1", ...at)).code, 0);
    const change = FOUR.flatMap((name, i) => {
      const other = OTHERS[i]!;
      return ["--replace", `${name}:${other}=${keyOf(other).publicKey}@${urls[other]}`];
    });
    await printed("members", "propose", file, ...change, ...at);
    for (const name of FOUR.slice(1)) await printed("members", "sign", file, "--key", `${folder}/${name}.key`, ...at);
    assertEquals((await printed("members", "submit", file, ...at)).code, 0);
    assertEquals((await linksIn(kept)).length, 1);
    // A client that knows the genesis alone learns it from members that have left, and keeps it where it is told.
    assertEquals((await printed("get", "x", ...at, "--chain", elsewhere)).text, "1");
    assertEquals((await linksIn(elsewhere)).length, 1);
    assertEquals((await json("check", `${folder}/cluster.json`, "--chain", `${folder}/third.json`)).epoch, 1);
    for (const replica of replicas.slice(0, 4)) await replica.close();

    for (const [verb, ...args] of [["set", "x", "2"], ["cas", "x", "2", "3"], ["incr", "n"], ["keys"], ["del", "n"]]) {
      assertEquals((await printed(verb!, ...args, ...at)).code, 0, verb);
    }
    assertEquals((await printed("get", "x", ...at)).text, "3");
    const [change1] = (await printed("watch", "x", "--from", "1", "--limit", "1", "--json", ...at)).text.split("\n");
    assert(["change", "missed"].includes(JSON.parse(change1!).kind));
    assertEquals((await printed("bench", "--duration", "200ms", "--callers", "2", ...at)).code, 0);
    const { signedBy } = await json("set", "x", "4", ...at);
    assertEquals(signedBy.every((name: string) => OTHERS.includes(name)), true);
    assertMatch(
      await refused("get", "x", ...at, "--timeout", "1s", "--chain", `${folder}/empty.json`),
      /^3 no answer: 0 of 4 replicas answer.*\nApple, Ball, Candy, Dog refuse [^]*pbft members list --from URL/,
    );
    const { text: checked, code } = await printed("check", `${folder}/cluster.json`, "--evidence");
    assertEquals(code, 0, checked);
    assertMatch(checked, /^HEALTHY: 4 of 4 members vote, a quorum is 3: 1 more may fail; view 0, primary Eagle,/);
    assertMatch(checked, /\nepoch 1, since number \d+: members, keys or rules have changed[^]*\nevidence: none$/);

    // Someone at Apple's old address shows an older chain, and someone at Ball's a longer one that old keys have signed.
    const epoch = firstEpoch((await readCluster(folder)).cluster, clusterId(clusterFile.genesis));
    const forged = await linkOf(epoch, await operationFor(epoch, { urls: urlsOf(FOUR) }));
    const liars = [
      imposter(urls.Apple!, () => Response.json({ ...chainJson(epoch.cluster, []), after: 1 })),
      imposter(
        urls.Ball!,
        () => Response.json({ cluster: epoch.cluster, epoch: 9, after: 1, links: [toBase64(forged)] }),
      ),
    ];
    try {
      const seen = await json("check", `${folder}/cluster.json`);
      assertEquals([seen.verdict, seen.epoch, seen.n, seen.quorum], ["healthy", 1, 4, 3]);
      assertEquals((await printed("get", "x", ...at)).text, "4");
      assertEquals((await linksIn(kept)).length, 1);
    } finally {
      for (const liar of liars) await liar.shutdown();
    }
    await replicas[7]!.close();
    const { text: less, code: lessCode } = await printed("check", `${folder}/cluster.json`);
    assertEquals(lessCode, 1);
    assertMatch(less, /^DEGRADED: 3 of 4 members vote[^]*wrong: Hat \(does not count\): unreachable/);
    const saved = await json("snapshot", "save", `${folder}/snapshots`, ...at);
    assertEquals([saved.epoch, saved.from], [1, "Eagle"]);
    const verified = await json("snapshot", "verify", `${folder}/snapshots`, ...at);
    assertEquals([verified.root, verified.epoch], [saved.root, 1]);
    const state = ["--name", "Hat", "--state", `${folder}/Hat.db`];
    assertEquals((await json("snapshot", "restore", `${folder}/snapshots`, ...state, ...at)).root, saved.root);
    assertMatch(
      await refused(
        "snapshot",
        "restore",
        `${folder}/snapshots`,
        "--name",
        "Dog",
        "--state",
        `${folder}/Dog.db`,
        ...at,
      ),
      /^2 Dog: no such member; the members in epoch 1 are Eagle, Fig, Goat, Hat/,
    );
  });
});

Deno.test("a chain file that is cut, of another cluster, or forged is refused, and is left as it is", async () => {
  await inFolder(async (folder) => {
    const [file, kept] = [`${folder}/cluster.json`, `${folder}/chain.json`];
    await Deno.writeTextFile(file, JSON.stringify(clusterFile));
    const epoch = firstEpoch(clusterFile, clusterId(clusterFile.genesis));
    const link = await linkOf(epoch, await operationFor(epoch, { checkpointInterval: 16, logWindow: 64 }));
    const other = firstEpoch(
      { ...clusterFile, genesis: { ...clusterFile.genesis, name: "other" } },
      "0".repeat(64) as never,
    );
    const foreign = await linkOf(other, await operationFor(other, { checkpointInterval: 16, logWindow: 64 }));
    const whole = JSON.stringify(chainJson(epoch.cluster, [link]));
    const wrong: readonly [text: string, error: RegExp][] = [
      [whole.slice(0, -9), /^2 .*chain\.json: expected a chain of epochs, a JSON object/],
      ["", /^2 .*chain\.json: expected a chain/],
      [JSON.stringify(chainJson(epoch.cluster, [link.slice(0, -1)])), /^1 .*chain\.json: links\[0\]/],
      [JSON.stringify(chainJson(epoch.cluster, [link, link])), /^1 .*chain\.json: links\[1\]/],
      [JSON.stringify(chainJson(other.cluster, [foreign])), /^1 .*chain\.json: links\[0\][^]*another chain/],
      [JSON.stringify({ ...chainJson(epoch.cluster, [link]), after: 1 }), /^2 .*after: expected 0, got 1/],
    ];
    for (const [text, error] of wrong) {
      await Deno.writeTextFile(kept, text);
      for (const verb of [["get", "x"], ["check"], ["snapshot", "verify", folder], ["members", "list"]]) {
        assertMatch(await refused(...verb, "--cluster", file), error, verb.join(" "));
      }
      assertEquals(await Deno.readTextFile(kept), text);
    }
  });
});

Deno.test("a kept chain is never replaced by a shorter one, whoever else writes it", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(clusterFile));
    const found = await readCluster(folder);
    const path = `${folder}/chain.json`;
    const first = firstEpoch(clusterFile, clusterId(clusterFile.genesis));
    const one = await linkOf(first, await operationFor(first, { checkpointInterval: 16, logWindow: 64 }));
    const [a, b, c] = [await KeptChain.open(found), await KeptChain.open(found), await KeptChain.open(found)];
    await a.learn([one]);
    const second = a.present;
    const two = await linkOf(second, await operationFor(second, { checkpointInterval: 8 }));
    await b.learn([one, two]);
    assertEquals((await linksIn(path)).length, 2);
    await c.learn([one]);
    assertEquals((await linksIn(path)).length, 2);
    await a.learn([]);
    assertEquals([a.links.length, c.present.number], [1, 1]);
    assertEquals((await linksIn(path)).map((link) => fromBase64(link)), [one, two]);
    // Another process is just writing: nothing is lost, and nothing waits.
    await Deno.writeTextFile(`${path}.part`, "");
    await Deno.remove(path);
    assertEquals(await c.learn([one, two]), null);
    await Deno.utime(`${path}.part`, 0, 0);
    const d = await KeptChain.open(found);
    await d.learn([one, two]);
    assertEquals((await linksIn(path)).length, 2);
    const nowhere = await KeptChain.open(found, `${folder}/no/such/folder.json`);
    assertStringIncludes((await nowhere.learn([one]))!, "can't be kept");
    assertEquals(nowhere.present.number, 1);
  });
});

Deno.test("a longer chain that forks from the kept one, signed with old keys, is refused and not kept", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(clusterFile));
    const kept = await KeptChain.open(await readCluster(folder));
    const first = firstEpoch(clusterFile, clusterId(clusterFile.genesis));
    const true1 = await linkOf(first, await operationFor(first, { checkpointInterval: 16, logWindow: 64 }));
    await kept.learn([true1]);
    const { context } = kept.present;
    const false1 = await linkOf(first, await operationFor(first, { checkpointInterval: 4 }));
    const second = await followLink(first, decodeLink(false1), crypto);
    const false2 = await linkOf(second, await operationFor(second, { checkpointInterval: 8 }));
    const error = await assertRejects(() => kept.learn([false1, false2]), CliError);
    assertStringIncludes(error.message, `expected the configuration ${context} in epoch 1, which is known`);
    assertEquals([kept.present.context, kept.links], [context, [true1]]);
    assertEquals((await linksIn(`${folder}/chain.json`)).map((link) => fromBase64(link)), [true1]);

    // A proposal that continues the fork: nobody signs it who knows better.
    const made = propose(second, { logWindow: 64 });
    const proposal = JSON.stringify({ ...made, links: [toBase64(false1)] });
    await Deno.writeTextFile(`${folder}/next.json`, proposal);
    await Deno.writeTextFile(`${folder}/Apple.key`, keyOf("Apple").privateKey, { mode: 0o600 });
    const at = ["--cluster", `${folder}/cluster.json`];
    for (const action of ["sign", "show"]) {
      assertMatch(
        await refused("members", action, `${folder}/next.json`, "--key", `${folder}/Apple.key`, ...at),
        /^1 .*next\.json: its chain has another epoch 1 than the known one/,
      );
    }
    assertEquals(await Deno.readTextFile(`${folder}/next.json`), proposal);
  });
});

Deno.test("a chain that is named must be there where nobody is asked", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/cluster.json`;
    await Deno.writeTextFile(file, JSON.stringify(clusterFile));
    const named = ["--cluster", file, "--chain", `${folder}/mistyped.json`];
    assertMatch(await refused("snapshot", "verify", folder, ...named), /^\d .*mistyped\.json/);
    const init = [
      "init",
      ...FOUR.map((name) => `${name}=http://${name}.example`),
      "--from",
      folder,
      "--folder",
      `${folder}/new`,
    ];
    assertMatch(await refused(...init, ...named), /^\d .*mistyped\.json/);
    const alone = ["--chain", `${folder}/mistyped.json`];
    assertMatch(
      await refused(...init, ...alone),
      /--chain: expected --cluster FILE too/,
    );
  });
});

Deno.test("the chain of a cluster file is beside it, and one from elsewhere has none", () => {
  assertEquals(
    ["pbft/cluster.json", "cluster.json", "x/prod.json", "x/prod", "PBFT_CLUSTER", "https://x/cluster.json"].map(
      pathBeside,
    ),
    ["pbft/chain.json", "chain.json", "x/prod.chain.json", "x/prod.chain.json", null, null],
  );
});

Deno.test("a chain without an end, as whoever has the keys of a closed epoch can make, is followed up to a bound", async () => {
  const id = clusterId(clusterFile.genesis);
  let present: Epoch;
  const links: Uint8Array[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (!pathname.startsWith("/Apple/")) return new Response(null, { status: 404 });
    const after = Number(searchParams.get("after"));
    while (links.length <= after) {
      const link = await linkOf(present, await operationFor(present, { limits: { maxSessions: 100 + links.length } }));
      present = await followLink(present, decodeLink(link), crypto);
      links.push(link);
    }
    return Response.json({ cluster: id, epoch: 10_000, after, links: [toBase64(links[after]!)] });
  });
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    const cluster = { ...clusterFile, urls: Object.fromEntries(FOUR.map((name) => [name, `${url}/${name}`])) };
    present = firstEpoch(cluster, id);
    const known = await followLinks(cluster, [], "x");
    const error = await assertRejects(() => followMembers(known, [], 50_000), CliError);
    assertMatch(error.message, /^the chain: expected at most 50000 bytes, got more, in \d+ links$/);
    assert(links.length < 100, `${links.length}`);
  } finally {
    await server.shutdown();
  }
});
