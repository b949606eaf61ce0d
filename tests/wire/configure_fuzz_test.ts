/**
 * Changed `configure` operations against the present epoch. A judge of its own says which of them a quorum of members has
 * signed as the next configuration of this cluster: only those may be accepted, and all others are refused with a reason.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Plain } from "../../src/core/io.ts";
import { pack, unpack } from "../../src/wire/codec/plain.ts";
import {
  approvalContext,
  checkConfigure,
  ConfigureError,
  decodeConfiguration,
  encodeConfiguration,
  type Epoch,
  propose,
} from "../../src/wire/epochs/mod.ts";
import { fromBase64, toBase64 } from "../../src/wire/codec/base64.ts";
import { fromHex, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { Random } from "../../src/testing/random.ts";
import { epochWith, isSigned, keyOf, memberOf, operationFor, urlsOf } from "./_epochs.ts";

const PREFIX = "pbft/1 configure ";
const FOUR = ["Apple", "Ball", "Candy", "Dog"];
const SEVEN = [...FOUR, "Eagle", "Fig", "Goat"];
const ODD_NUMBERS = [0, 1, 2, 3, 4, 7, 255, 256, 1023, 1024, 65535, 2 ** 31, 2 ** 32, 2 ** 53 - 1];
const ODD_TEXTS = [
  "",
  " ",
  "Apple",
  "\0",
  "__proto__",
  "a".repeat(70_000),
  "http://",
  "http://a@b",
  "HTTP://A",
  "http://[::1]:99999/../x",
  "javascript:1",
  "\ud7ff\u{10ffff}",
  "0".repeat(64),
];

const read = (operation: Uint8Array): Plain => unpack(fromBase64(fromUtf8(operation.subarray(PREFIX.length))));
const written = (plain: Plain): Uint8Array => utf8(PREFIX + toBase64(pack(plain)));

/** Changes one place in a plain value: at random doubled, left out, exchanged, odd, or nested. */
function changed(random: Random, plain: Plain, others: readonly Plain[]): Plain {
  if (Array.isArray(plain) && plain.length > 0 && random.int(0, 5) > 0) {
    const at = random.int(0, plain.length - 1);
    const items = [...plain as readonly Plain[]];
    const kind = random.int(0, 9);
    if (kind === 0) return items.toSpliced(at, 1);
    if (kind === 1) return items.toSpliced(at, 0, items[at]!);
    if (kind === 2) return items.with(at, items[random.int(0, items.length - 1)]!);
    if (kind === 3) return items.toReversed();
    return items.with(at, changed(random, items[at]!, others));
  }
  switch (random.int(0, 5)) {
    case 0:
      return random.pick(ODD_NUMBERS);
    case 1:
      return random.pick(ODD_TEXTS);
    case 2:
      return [plain];
    case 3:
      return random.pick(others);
    case 4:
      return new Uint8Array(random.pick([0, 1, 63, 64, 65, 4096])).fill(random.int(0, 255));
    default: {
      if (!(plain instanceof Uint8Array) || plain.length === 0) {
        return typeof plain === "number" ? Math.max(0, plain - 1) : "";
      }
      const bytes = plain.slice();
      for (let i = random.int(1, 3); i > 0; i--) bytes[random.int(0, bytes.length - 1)]! ^= 1 << random.int(0, 7);
      return bytes;
    }
  }
}

/** Whether a quorum of members of this epoch has signed exactly these bytes as its next configuration. */
function isNextOf(epoch: Epoch, operation: Uint8Array): boolean {
  const [bytes, approvals] = read(operation) as [Uint8Array, [number, Uint8Array][]];
  const { cluster, epoch: number, previous, genesis } = decodeConfiguration(bytes);
  const { replicas, name } = epoch.genesis;
  const hash = fromHex(sha256(bytes));
  const signers = new Set(
    approvals.filter(([member, signature]) => {
      const publicKey = replicas[member]?.publicKey;
      return publicKey && isSigned({ publicKey, signature, bytes: hash, ...approvalContext(epoch) });
    }).map(([member]) => member),
  );
  const needed = Math.ceil((replicas.length + Math.floor((replicas.length - 1) / 3) + 1) / 2);
  const keys = new Set(genesis.replicas.map(({ publicKey }) => publicKey));
  const names = new Set(genesis.replicas.map((member) => member.name));
  return signers.size >= needed && signers.size === approvals.length && cluster === epoch.cluster &&
    number === epoch.number + 1 && previous === epoch.context && genesis.name === name &&
    genesis.replicas.length >= 4 &&
    keys.size === genesis.replicas.length && names.size === genesis.replicas.length;
}

/** `accepted`, or the reason of the refusal. Whatever else is thrown fails the test. */
function verdictOf(epoch: Epoch, operation: Uint8Array): string {
  try {
    checkConfigure(epoch, operation, { hash: sha256, isSigned });
    return "accepted";
  } catch (error) {
    assert(error instanceof ConfigureError, `threw ${error}`);
    return error.reason;
  }
}

/** What may be signed: bytes of the next configuration, changed at one or more places. */
function changedConfiguration(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  switch (random.int(0, 3)) {
    case 0:
      for (let i = random.int(1, 4); i > 0; i--) copy[random.int(0, copy.length - 1)]! ^= 1 << random.int(0, 7);
      return copy;
    case 1:
      return copy.subarray(0, random.int(0, copy.length));
    case 2: {
      // A part comes twice, or in the place of another one: doubled members, keys under other names.
      const [from, to] = [random.int(0, copy.length - 40), random.int(0, copy.length - 40)];
      copy.copyWithin(to, from, from + random.int(1, 40));
      return copy;
    }
    default:
      return new Uint8Array([...copy, ...copy.subarray(0, random.int(0, 9))]);
  }
}

async function subjects(): Promise<readonly { readonly epoch: Epoch; readonly operation: Uint8Array }[]> {
  const [four, seven] = [epochWith(FOUR), epochWith(SEVEN)];
  const later: Epoch = { ...four, number: 5, context: sha256(utf8("context")) };
  return await Promise.all(
    [four, seven, later].map(async (epoch) => {
      const next = epoch === seven ? FOUR : SEVEN;
      const change = { replicas: next.map((name) => memberOf(name)), urls: urlsOf(next) };
      return { epoch, operation: await operationFor(epoch, change) };
    }),
  );
}

Deno.test("a changed operation is refused with a reason, unless a quorum has signed what it says", async () => {
  const all = await subjects();
  const parts = all.flatMap(({ operation }) => {
    const [bytes, approvals] = read(operation) as [Plain, readonly Plain[]];
    return [bytes, approvals, ...approvals];
  });
  const seen = new Map<string, number>();
  const random = new Random(31);
  for (let run = 0; run < 2_500; run++) {
    const { operation, epoch: own } = random.pick(all);
    const { epoch } = random.int(0, 2) === 0 ? random.pick(all) : { epoch: own };
    let plain = read(operation);
    if (random.int(0, 1) === 0) {
      const [bytes, approvals] = plain as [Plain, readonly Plain[]];
      const at = random.int(0, approvals.length - 1);
      const approval = approvals[at] as readonly Plain[];
      plain = [
        bytes,
        approvals.with(at, approval.map((item) => random.int(0, 1) ? changed(random, item, parts) : item)),
      ];
    } else for (let i = random.int(0, 3); i > 0; i--) plain = changed(random, plain, parts);
    const bytes = written(plain);
    const verdict = verdictOf(epoch, bytes);
    assertEquals(verdictOf(epoch, bytes), verdict, "all members decide alike");
    if (verdict === "accepted") assert(isNextOf(epoch, bytes), `run ${run} was accepted`);
    seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
  }
  for (const reason of ["accepted", "malformed", "wrong-cluster", "wrong-epoch", "unknown-member", "wrong-signature"]) {
    assertGreater(seen.get(reason) ?? 0, 8, reason);
  }
});

Deno.test("a configuration that all members have signed, whatever is in it, is accepted only if it is a valid next one", () => {
  const epoch = epochWith(FOUR);
  const signers = FOUR.map((name) => createSigner(keyOf(name).privateKey, epoch.cluster, 1));
  const next = propose(epoch, { replicas: SEVEN.map((name) => memberOf(name)), urls: urlsOf(SEVEN) });

  const encoded = encodeConfiguration(next.configuration);
  const random = new Random(37);
  const seen = new Map<string, number>();
  for (let run = 0; run < 2_500; run++) {
    const bytes = run === 0 ? encoded : changedConfiguration(random, encoded);
    const hash = fromHex(sha256(bytes));
    const operation = written([bytes, signers.map((signer, i) => [i, signer.sign("configuration", hash)])]);
    const verdict = verdictOf(epoch, operation);
    if (verdict === "accepted") assert(isNextOf(epoch, operation), `run ${run} was accepted`);
    seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
  }
  // Some changes give another valid configuration: another key, limit or URL.
  assertGreater(seen.get("accepted") ?? 0, 30);
  assertGreater(seen.get("malformed") ?? 0, 300);
  assertEquals(
    [...seen.keys()].filter((verdict) => /signature|member$/.test(verdict) && verdict !== "too-few-members"),
    [],
  );
});

Deno.test("bytes that are no operation at all are refused as malformed", () => {
  const epoch = epochWith(FOUR);
  const random = new Random(41);
  for (let run = 0; run < 2_000; run++) {
    const junk = String.fromCharCode(...Array.from({ length: random.int(0, 60) }, () => random.int(32, 126)));
    assertEquals(verdictOf(epoch, utf8(PREFIX + junk)), "malformed");
    const bytes = Uint8Array.from({ length: random.int(0, 60) }, () => random.int(0, 255));
    assertEquals(verdictOf(epoch, utf8(PREFIX + toBase64(bytes))), "malformed");
  }
  for (const odd of [[], [[]], 0, "", [new Uint8Array(), 0], [new Uint8Array(), [[]]], [0, []]] as Plain[]) {
    assertEquals(verdictOf(epoch, written(odd)), "malformed", JSON.stringify(odd));
  }
});
