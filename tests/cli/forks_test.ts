/** Two configurations for one epoch: who knows one believes it and is told of the other; who knows neither believes none. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { forkText, sayForks } from "../../src/cli/check/forks.ts";
import { CliError } from "../../src/cli/cli_error.ts";
import { chainJson } from "../../src/cli/members/chain_file.ts";
import { followLinks, followMembers } from "../../src/cli/members/follow.ts";
import { askNewMembers } from "../../src/cli/members/new_members.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { type Change, decodeLink, type Epoch, firstEpoch, followLink, propose } from "../../src/wire/epochs/mod.ts";
import { type ClusterFile, toBase64 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf } from "../node/_epochs.ts";
import { freePorts } from "../tools/ports.ts";
import { crypto, linkOf, operationFor } from "../wire/_epochs.ts";

/** Nobody is at the addresses of the members. */
const ports = freePorts(FOUR.length);
const urls = Object.fromEntries(FOUR.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]));
const cluster: ClusterFile = { ...clusterFile, urls };
const genesis = firstEpoch(cluster, clusterId(cluster.genesis));

/** A chain whose epochs have these changes, one after another. */
async function chainOf(...changes: readonly Change[]): Promise<readonly Uint8Array[]> {
  const links: Uint8Array[] = [];
  let epoch: Epoch = genesis;
  for (const change of changes) {
    links.push(await linkOf(epoch, await operationFor(epoch, change)));
    epoch = await followLink(epoch, decodeLink(links.at(-1)!), crypto);
  }
  return links;
}

/** Serves chains, each at an address. */
async function serving(
  chains: readonly (readonly Uint8Array[])[],
  use: (...urls: string[]) => Promise<void>,
): Promise<void> {
  const servers = chains.map((links) =>
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      await request.body?.cancel();
      const { pathname, searchParams } = new URL(request.url);
      if (pathname !== "/epochs") return new Response(null, { status: 404 });
      const after = Number(searchParams.get("after"));
      const shown = { ...chainJson(genesis.cluster, links), epoch: links.length, after };
      return Response.json({ ...shown, links: links.slice(after).map(toBase64) });
    })
  );
  try {
    await use(...servers.map(({ addr }) => `http://127.0.0.1:${addr.port}`));
  } finally {
    await Promise.all(servers.map((server) => server.shutdown()));
  }
}

const limits = (maxSessions: number): Change => ({ limits: { ...genesis.genesis.limits, maxSessions } });
const [one, other] = [limits(100), limits(200)];
const ALL = [...FOUR];

Deno.test("who knows the chain believes it, and is told who shows a fork, from which epoch on, and whose keys have signed it", async () => {
  const known = await chainOf(one, limits(101));
  const forks = [
    await chainOf(other),
    await chainOf(other, limits(201)),
    await chainOf(other, limits(201), limits(202)),
  ];
  const late = await chainOf(one, limits(300));
  const nonsense = [new Uint8Array(7), new Uint8Array(9)];
  await serving([...forks, late, known, known.slice(0, 1), nonsense], async (...at) => {
    const followed = await followMembers(await followLinks(cluster, known, "the chain"), at);
    assertEquals(followed.links, known);
    const found = new Map(followed.forks.map(({ url, epoch }) => [url, epoch]));
    assertEquals(found, new Map([[at[0]!, 1], [at[1]!, 1], [at[2]!, 1], [at[3]!, 2]]));
    const said: string[] = [];
    sayForks(followed, { say: (line) => said.push(line) });
    assertEquals(said.length, 2, "one line for each fork");
    const [first] = followed.forks.filter(({ epoch }) => epoch === 1);
    assertMatch(
      forkText(first!),
      /^another epoch 1, which the keys of \w+, \w+(, \w+)? and \w+ of epoch 0 have signed$/,
    );
    assertEquals(first!.signers.every((name) => ALL.includes(name)), true);
    assertMatch(
      said[0]!,
      new RegExp(`^warning: ${at[0]}, ${at[1]} and ${at[2]} show another epoch 1, which .* stolen`),
    );
  });
});

Deno.test("who knows neither of two chains believes none of them", async () => {
  const [known, fork] = [await chainOf(one), await chainOf(other, limits(201))];
  await serving([known, fork], async (...at) => {
    const bare = await followLinks(cluster, [], "the chain");
    for (const order of [at, at.toReversed()]) {
      const error = await assertRejects(() => followMembers(bare, order), CliError, "the chain forks: there are two");
      assertMatch(error.lines.looked!, /^the keys of .* of epoch 0 have signed the one that .* shows, and those of /);
    }
    // One that is only behind is no fork.
    await serving([await chainOf(other)], async (behind) => {
      assertEquals((await followMembers(bare, [behind!, at[1]!])).links.length, 2);
    });
  });
});

Deno.test("a new member that has followed a fork is not proposed: it would never take part", async () => {
  const known = await followLinks(cluster, await chainOf(one, limits(101)), "the chain");
  await serving([await chainOf(other), await chainOf(one)], async (astray, behind) => {
    const { publicKey } = keyOf("Eagle");
    const next = (url: string) => {
      const replicas = [...genesis.genesis.replicas, { name: "Eagle", publicKey }];
      return propose(known.present, { replicas, urls: { ...urls, Eagle: url } }).configuration;
    };
    await assertRejects(
      () => askNewMembers(known, next(astray!)),
      CliError,
      `Eagle: the server at ${astray} follows another chain: another epoch 1, which`,
    );
    await askNewMembers(known, next(behind!));
  });
});
