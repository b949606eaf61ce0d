import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import {
  approve,
  type Change,
  checkConfigure,
  ConfigureError,
  type ConfigureRefusal,
  decodeConfiguration,
  decodeConfigure,
  decodeLink,
  encodeConfiguration,
  encodeConfigure,
  encodeLink,
  type Epoch,
  epochOf,
  followChain,
  followLink,
  isConfigure,
  LinkError,
  operationOf,
  parseProposal,
  type Proposal,
  propose,
  standingOf,
} from "../../src/wire/epochs/mod.ts";
import { fromHex, utf8 } from "../../src/wire/mod.ts";
import { Random } from "../../src/testing/random.ts";
import {
  approved,
  crypto,
  epochWith,
  isSigned,
  keyOf,
  linkOf,
  memberOf,
  namesOf,
  operationFor,
  quorumOf,
  urlsOf,
} from "./_epochs.ts";

const FOUR = ["Apple", "Ball", "Candy", "Dog"];
const OTHERS = ["Eagle", "Fig", "Goat", "Hat"];
const zero = epochWith(FOUR);
const replaced: Change = { replicas: OTHERS.map((name) => memberOf(name)), urls: urlsOf(OTHERS) };
const sync = { hash: sha256, isSigned };

/** The next epoch, over a link. */
async function after(epoch: Epoch, change: Change): Promise<readonly [epoch: Epoch, link: Uint8Array]> {
  const link = await linkOf(epoch, await operationFor(epoch, change));
  return [(await followChain(epoch, [link], crypto))[1]!, link];
}

Deno.test("a configuration is the same after a way through bytes and through JSON", () => {
  const { configuration } = propose(zero, replaced);
  const bytes = encodeConfiguration(configuration);
  assertEquals(decodeConfiguration(bytes), configuration);
  assertEquals(encodeConfiguration(decodeConfiguration(bytes)), bytes);
  assertEquals(
    parseProposal(JSON.parse(JSON.stringify({ configuration, approvals: {} }))).configuration,
    configuration,
  );
});

Deno.test("a member may be named __proto__", async () => {
  const names = ["__proto__", "Ball", "Candy", "constructor"];
  const [epoch] = await after(zero, { replicas: names.map((name) => memberOf(name)), urls: urlsOf(names) });
  const proposal = await approved(epoch, { checkpointInterval: 16, logWindow: 32 }, names.slice(0, 3));
  assertEquals(standingOf(epoch, proposal), { approved: names.slice(0, 3), missing: ["constructor"], needed: 3 });
  assertEquals(decodeConfigure(operationOf(epoch, proposal)).approvals.map(({ member }) => member), [0, 1, 2]);
});

Deno.test("a proposal is passed round, and what a quorum has signed is accepted", async () => {
  let proposal = propose(zero, replaced);
  for (const name of ["Dog", "Apple"]) {
    const signer = createSigner(keyOf(name).privateKey, zero.cluster, 1);
    proposal = parseProposal(JSON.parse(JSON.stringify(await approve(zero, proposal, { signer, hash: sha256 }))));
  }
  assertEquals(standingOf(zero, proposal), { approved: ["Apple", "Dog"], missing: ["Ball", "Candy"], needed: 3 });
  assertEquals(refusalOf(zero, operationOf(zero, proposal)), "not-enough-signatures");
  const signer = createSigner(keyOf("Candy").privateKey, zero.cluster, 1);
  proposal = await approve(zero, proposal, { signer, hash: sha256 });
  const operation = operationOf(zero, proposal);
  assert(isConfigure(operation));
  assertEquals(checkConfigure(zero, operation, sync).next, proposal.configuration);
});

function refusalOf(epoch: Epoch, operation: Uint8Array): ConfigureRefusal | null {
  try {
    checkConfigure(epoch, operation, sync);
    return null;
  } catch (error) {
    assert(error instanceof ConfigureError, String(error));
    return error.reason;
  }
}

Deno.test("each wrong configuration is refused with its reason", async () => {
  const [one] = await after(zero, replaced);
  const elsewhere = epochWith(FOUR, { checkpointInterval: 16, logWindow: 32 });
  const { configuration } = propose(zero, replaced);
  const withFields = (fields: Record<string, unknown>) => ({ ...configuration, ...fields }) as typeof configuration;
  const signedBy = (
    names: readonly string[],
    { what = configuration, key = (name: string) => name, epoch = 1 } = {},
  ) => {
    const bytes = encodeConfiguration(what);
    const approvals = names.map((name) => {
      const signer = createSigner(keyOf(key(name)).privateKey, zero.cluster, epoch);
      return { member: FOUR.indexOf(name), signature: signer.sign("configuration", fromHex(sha256(bytes))) };
    });
    return encodeConfigure({ configuration: bytes, approvals });
  };
  const all: readonly (readonly [ConfigureRefusal | null, Uint8Array])[] = [
    [null, signedBy(FOUR.slice(1))],
    ["malformed", utf8("pbft/1 configure !")],
    ["malformed", utf8("pbft/1 configure ")],
    ["wrong-cluster", await operationFor(elsewhere, replaced)],
    ["wrong-epoch", await operationFor(one, { checkpointInterval: 16, logWindow: 32 })],
    ["wrong-previous", signedBy(FOUR, { what: withFields({ previous: one.context }) })],
    ["wrong-name", signedBy(FOUR, { what: withFields({ genesis: { ...configuration.genesis, name: "other" } }) })],
    [
      null,
      signedBy(FOUR, { what: withFields({ genesis: { ...configuration.genesis, stateMachine: "other/1" } }) }),
    ],
    ["not-enough-signatures", signedBy(FOUR.slice(2))],
    ["unknown-member", signedBy(["Apple", "Apple", "Ball"])],
    [
      "unknown-member",
      encodeConfigure({
        configuration: encodeConfiguration(configuration),
        approvals: [4, 1, 2].map((member) => ({ member, signature: new Uint8Array(64) })),
      }),
    ],
    ["wrong-signature", signedBy(FOUR, { key: (name) => name === "Dog" ? "Eagle" : name })],
    ["wrong-signature", signedBy(FOUR, { epoch: 2 })],
  ];
  for (const [reason, operation] of all) assertEquals(refusalOf(zero, operation), reason);
  assertEquals(refusalOf(one, signedBy(FOUR)), "wrong-epoch", "an old configuration is not accepted again");
  assertThrows(() => propose(zero, { replicas: FOUR.slice(1).map((name) => memberOf(name)) }), TypeError);
  assertThrows(() => propose(zero, { replicas: [memberOf("Apple")] }), ConfigureError, "too-few-members");
  assertThrows(() => propose(zero, { logWindow: 20 }), TypeError, "logWindow");
  assertThrows(() => propose(zero, { urls: { Apple: "http://user@x.example" } }), TypeError, "urls.Apple");
});

Deno.test("nobody makes or signs a proposal that changes nothing, or whose new name differs from another one only in case", async () => {
  const added = (name: string) => ({
    replicas: [...FOUR.map((one) => memberOf(one)), memberOf(name)],
    urls: urlsOf([name]),
  });
  const wrong: readonly (readonly [string, () => Proposal])[] = [
    ["no-change", () => propose(zero, {})],
    ["no-change", () => propose(zero, { logWindow: 16, urls: { Apple: `${zero.urls["Apple"]}/` } })],
    ["similar-names", () => propose(zero, { ...added("dOG"), urls: { dOG: "http://eagle.example" } })],
  ];
  for (const [reason, make] of wrong) assertThrows(make, ConfigureError, reason);
  const { configuration } = propose(zero, added("Eagle"));
  const { genesis, urls } = configuration;
  const replicas = genesis.replicas.map((member) => member.name === "Eagle" ? { ...member, name: "dog" } : member);
  const others = [
    { ...configuration, genesis: { ...genesis, replicas }, urls: { ...urls, dog: urls["Eagle"]! } },
    { ...configuration, genesis: zero.genesis, urls: urlsOf(FOUR) },
  ];
  const signer = createSigner(keyOf("Apple").privateKey, zero.cluster, 1);
  for (const [i, reason] of ["similar-names", "no-change"].entries()) {
    const proposal = { configuration: others[i]!, approvals: {} };
    await assertRejects(() => approve(zero, proposal, { signer, hash: sha256 }), ConfigureError, reason);
    // What a quorum has signed all the same, with an earlier build, is ordered as it was then: logs and links hold it.
    const bytes = encodeConfiguration(others[i]!);
    const approvals = quorumOf(zero).map((name) => {
      const { sign } = createSigner(keyOf(name).privateKey, zero.cluster, 1);
      return { member: FOUR.indexOf(name), signature: sign("configuration", fromHex(sha256(bytes))) };
    });
    assertEquals(refusalOf(zero, encodeConfigure({ configuration: bytes, approvals })), null);
  }
  // Names that were similar before stay: their members can be changed one by one.
  const similar = epochWith(["Apple", "apple", "Candy", "Dog"], {});
  const ports = Object.fromEntries(
    ["Apple", "apple", "Candy", "Dog"].map((name, i) => [name, `http://x.example:${i + 1}`]),
  );
  assertEquals(propose({ ...similar, urls: ports }, { logWindow: 32 }).configuration.genesis.logWindow, 32);
});

Deno.test("a link says whether the migration to its version of the state machine has failed", async () => {
  const operation = await operationFor(zero, { stateMachine: "key-value/2" });
  const [migrated] = await followChain(zero, [await linkOf(zero, operation)], crypto).then((all) => all.slice(1));
  assertEquals(migrated?.genesis.stateMachine, "key-value/2");
  const [failed] = await followChain(zero, [await linkOf(zero, operation, { hasFailed: true })], crypto)
    .then((all) => all.slice(1));
  assertEquals(failed?.genesis.stateMachine, "key-value/1");
  assertEquals(failed?.context, migrated?.context);
});

Deno.test("an approval is for one configuration of one cluster and epoch", async () => {
  const proposal = await approved(zero, replaced, quorumOf(zero));
  const other = { ...propose(zero, { checkpointInterval: 16, logWindow: 32 }), approvals: proposal.approvals };
  assertEquals(refusalOf(zero, operationOf(zero, other)), "wrong-signature");
});

Deno.test("a chain is followed from any of its epochs: all members replaced, keys rotated, four to seven and back", async () => {
  const [one, first] = await after(zero, replaced);
  const seven = [...OTHERS, "Ink", "Jam", "Kite"];
  const [two, second] = await after(one, { replicas: seven.map((name) => memberOf(name)), urls: urlsOf(seven) });
  const [three, third] = await after(two, { replicas: FOUR.map((name) => memberOf(name)), urls: urlsOf(FOUR) });
  const chain = [first, second, third];
  assertEquals(await followChain(zero, chain, crypto), [zero, one, two, three]);
  assertEquals(await followChain(two, chain.slice(2), crypto), [two, three]);
  assertEquals(three.cluster, zero.cluster);
  assertEquals(namesOf(three), FOUR);
  const all = [zero, one, two, three];
  assertEquals([1, 64, 65, 128, 129, 193].map((sequence) => epochOf(all, sequence)?.number), [0, 0, 1, 1, 2, 3]);
  await assertRejects(() => followChain(zero, [first, third], crypto), LinkError, "links[1]");
  await assertRejects(() => followChain(zero, [second], crypto), LinkError, "links[0]");
  await assertRejects(() => followChain(zero, [first, first], crypto), LinkError, "links[1]");
});

Deno.test("a link without a quorum's checkpoint, or with a checkpoint that proves something else, leads nowhere", async () => {
  const operation = await operationFor(zero, replaced);
  const [one] = await after(zero, replaced);
  const wrong: readonly (readonly [what: string, link: Promise<Uint8Array>])[] = [
    ["two signers", linkOf(zero, operation, { signers: [0, 1] })],
    ["a signer twice", linkOf(zero, operation, { signers: [0, 1, 1] })],
    ["no multiple of K", linkOf(zero, operation, { sequence: 63, closesAt: 63 })],
    ["a checkpoint before the one that closes", linkOf(zero, operation, { sequence: 56, closesAt: 64 })],
    ["a later one", linkOf(zero, operation, { sequence: 72, closesAt: 64 })],
    ["signed for another epoch", linkOf(zero, operation, { epoch: 1 })],
    ["signed for another context", linkOf(zero, operation, { context: one.context })],
    ["signed with other keys", linkOf(zero, operation, { keys: (name) => `${name}!` })],
    ["the chunk of another epoch", linkOf(zero, operation, { chunkEpoch: 2 })],
  ];
  for (const [what, link] of wrong) {
    await assertRejects(async () => await followLink(zero, decodeLink(await link), crypto), LinkError, "", what);
  }
  // The keys of a closed epoch prove nothing in a later one.
  const next = await operationFor(one, { checkpointInterval: 16, logWindow: 32 });
  const stolen = linkOf(one, next, { keys: (name) => FOUR[OTHERS.indexOf(name)]! });
  await assertRejects(async () => await followLink(one, decodeLink(await stolen), crypto), LinkError);
  const back = linkOf(one, next, { sequence: 64 });
  await assertRejects(async () => await followLink(one, decodeLink(await back), crypto), LinkError, "above 64");
});

Deno.test("parts of two valid links do not make a third", async () => {
  const [, first] = await after(zero, replaced);
  const [, second] = await after(zero, { checkpointInterval: 16, logWindow: 32 });
  const [a, b] = [decodeLink(first), decodeLink(second)];
  const [[root, page, chunk], [root2, page2, chunk2]] = [a.proof, b.proof];
  const mixed = [
    { certificate: a.certificate, proof: b.proof },
    { certificate: a.certificate, proof: [root, page2, chunk2] },
    { certificate: a.certificate, proof: [root, page, chunk2] },
    { certificate: b.certificate, proof: [root2, page, chunk] },
    { certificate: a.certificate, proof: [root, root, chunk] },
    { certificate: a.certificate, proof: [root, page, page] },
  ] as const;
  for (const link of mixed) await assertRejects(() => followLink(zero, link, crypto), LinkError);
});

Deno.test("bytes that were changed anywhere are no link, no configuration and no operation, and throw only our errors", async () => {
  const random = new Random(17);
  const operation = await operationFor(zero, replaced);
  const link = await linkOf(zero, operation);
  const configuration = encodeConfiguration(propose(zero, replaced).configuration);
  const change = (bytes: Uint8Array): Uint8Array => {
    const changed = bytes.slice();
    const at = random.int(0, changed.length - 1);
    const kind = random.int(0, 3);
    if (kind === 0) return changed.subarray(0, at);
    if (kind === 1) changed[at]! ^= 1 << random.int(0, 7);
    else if (kind === 2) changed.copyWithin(at, random.int(0, changed.length - 1), random.int(0, changed.length));
    else return new Uint8Array([...changed.subarray(0, at), random.int(0, 255), ...changed.subarray(at)]);
    return changed;
  };
  for (let i = 0; i < 600; i++) {
    const changed = change(link);
    if (changed.length === link.length && changed.every((byte, at) => byte === link[at])) continue;
    try {
      const followed = await followChain(zero, [changed], crypto);
      assert(false, `a changed link leads to epoch ${followed.at(-1)!.number}`);
    } catch (error) {
      assert(["LinkError", "DecodeError"].includes((error as Error).name), String(error));
    }
  }
  for (let i = 0; i < 600; i++) {
    const changed = change(operation);
    if (
      !isConfigure(changed) || (changed.length === operation.length && changed.every((b, at) => b === operation[at]))
    ) {
      continue;
    }
    // Base64 has bits at its end that mean nothing: there the same content is accepted.
    if (refusalOf(zero, changed) === null) assertEquals(decodeConfigure(changed), decodeConfigure(operation));
  }
  for (let i = 0; i < 600; i++) {
    const changed = change(configuration);
    try {
      assertEquals(encodeConfiguration(decodeConfiguration(changed)), changed);
    } catch (error) {
      assert(["DecodeError", "TypeError"].includes((error as Error).name), String(error));
    }
  }
});

Deno.test("a link is one form of bytes", async () => {
  const [, link] = await after(zero, replaced);
  assertEquals(encodeLink(decodeLink(link)), link);
});
