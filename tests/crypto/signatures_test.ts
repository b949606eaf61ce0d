import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { createSigner, createVerifier, generateKeyPair, importKeyPair } from "../../src/crypto/mod.ts";
import { publicKeyBytes } from "../../src/crypto/ed25519.ts";
import { createWebSigner, createWebVerifier, generateWebKeyPair, importWebKeyPair } from "../../src/crypto/web.ts";
import { encodeMessage, fromHex, signedDomain, toHex } from "../../src/wire/mod.ts";
import { ALL_KINDS, Random } from "../wire/random_messages.ts";

const cluster = "ab".repeat(32) as Digest;
const otherCluster = "ac".repeat(32) as Digest;
const bytes = new Uint8Array([1, 2, 3]);

/** RFC 8032 §7.1, test 1: a seed and its public key. */
const RFC_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const RFC_PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/** Both sides through one shape. */
const SIDES = {
  "node:crypto": {
    generate: () => Promise.resolve(generateKeyPair()),
    import: (seed: string) => Promise.resolve().then(() => importKeyPair(seed)),
    signer: (seed: string, cluster: Digest, epoch?: number) =>
      Promise.resolve().then(() => createSigner(seed, cluster, epoch)),
    verifier: createVerifier,
  },
  "Web Crypto": {
    generate: generateWebKeyPair,
    import: importWebKeyPair,
    signer: createWebSigner,
    verifier: createWebVerifier,
  },
};

const bothWays = [
  [SIDES["node:crypto"], SIDES["Web Crypto"], "node:crypto", "Web Crypto"],
  [SIDES["Web Crypto"], SIDES["node:crypto"], "Web Crypto", "node:crypto"],
] as const;

for (const [from, to, fromName, toName] of bothWays) {
  Deno.test(`what ${fromName} signs, ${toName} verifies, for every kind of message`, async () => {
    const random = new Random(20);
    const keys = await from.generate();
    const signer = await from.signer(keys.privateKey, cluster);
    const verifier = to.verifier(cluster);
    assertEquals(signer.publicKey, keys.publicKey);
    for (const kind of ALL_KINDS) {
      const bytes = encodeMessage(random.message(kind));
      const signature = await signer.sign(kind, bytes);
      assertEquals(signature.length, 64);
      assert(await verifier.verify(keys.publicKey, kind, bytes, signature));
    }
  });
}

Deno.test("both sides make the same signatures, also for messages larger than the scratch buffer", async () => {
  const { privateKey } = generateKeyPair();
  const web = await createWebSigner(privateKey, cluster);
  const node = createSigner(privateKey, cluster);
  for (const length of [0, 1, 100, 65_535, 65_536, 200_000]) {
    const bytes = new Random(length).bytes(length);
    assertEquals(toHex(node.sign("request", bytes)), toHex(await web.sign("request", bytes)));
  }
});

for (const [name, side] of Object.entries(SIDES)) {
  Deno.test(`${name}: a seed gives the public key that RFC 8032 says`, async () => {
    assertEquals(await side.import(RFC_SEED), { privateKey: RFC_SEED, publicKey: RFC_PUBLIC_KEY });
  });

  Deno.test(`${name}: new key pairs differ and are importable`, async () => {
    const [a, b] = [await side.generate(), await side.generate()];
    assert(a.privateKey !== b.privateKey);
    assertEquals(await side.import(a.privateKey), a);
  });

  Deno.test(`${name}: a malformed seed is refused, and the error doesn't repeat it`, async () => {
    for (const bad of ["", "ab", RFC_SEED.toUpperCase(), RFC_SEED + "00", `g${RFC_SEED.slice(1)}`]) {
      const error = await assertRejects(() => side.import(bad), TypeError, "privateKey: expected 64 lower-case hex");
      assert(bad.length < 4 || !error.message.includes(bad));
      await assertRejects(() => side.signer(bad, cluster), TypeError, "privateKey: expected");
    }
  });

  Deno.test(`${name}: a signature is valid only for its cluster, epoch, kind, bytes and key`, async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const signature = await (await side.signer(privateKey, cluster, 3)).sign("prepare", bytes);
    assertEquals(await side.verifier(cluster, 3).verify(publicKey, "prepare", bytes, signature), true);
    assertEquals(await side.verifier(cluster, 4).verify(publicKey, "prepare", bytes, signature), false);
    assertEquals(await side.verifier(cluster).verify(publicKey, "prepare", bytes, signature), false);
    assertEquals(await side.verifier(otherCluster, 3).verify(publicKey, "prepare", bytes, signature), false);
    for (const kind of ALL_KINDS) {
      if (kind === "prepare") continue;
      assertEquals(await side.verifier(cluster, 3).verify(publicKey, kind, bytes, signature), false, kind);
    }
    const { publicKey: another } = generateKeyPair();
    assertEquals(await side.verifier(cluster, 3).verify(another, "prepare", bytes, signature), false);
    const longer = new Uint8Array([...bytes, 0]);
    assertEquals(await side.verifier(cluster, 3).verify(publicKey, "prepare", longer, signature), false);
  });

  Deno.test(`${name}: a signature with any one bit changed is wrong`, async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const signature = await (await side.signer(privateKey, cluster)).sign("commit", bytes);
    const verifier = side.verifier(cluster);
    for (let bit = 0; bit < 512; bit++) {
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assertEquals(await verifier.verify(publicKey, "commit", bytes, changed), false, `bit ${bit}`);
    }
    assert(await verifier.verify(publicKey, "commit", bytes, signature));
  });

  Deno.test(`${name}: a signature of another length is wrong`, async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const signature = await (await side.signer(privateKey, cluster)).sign("commit", bytes);
    for (const bad of [new Uint8Array(), signature.subarray(0, 63), new Uint8Array([...signature, 0])]) {
      assertEquals(await side.verifier(cluster).verify(publicKey, "commit", bytes, bad), false);
    }
  });

  Deno.test(`${name}: S plus the group's order is no second signature`, async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const signature = await (await side.signer(privateKey, cluster)).sign("commit", bytes);
    const order = fromHex("edd3f55c1a631258d69cf7a2def9de14" + "00".repeat(15) + "10");
    for (let i = 0, carry = 0; i < 32; i++) {
      const sum = signature[32 + i]! + order[i]! + carry;
      signature[32 + i] = sum;
      carry = sum >> 8;
    }
    assertEquals(await side.verifier(cluster).verify(publicKey, "commit", bytes, signature), false);
  });

  Deno.test(`${name}: a malformed public key verifies nothing and throws nothing`, async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const signature = await (await side.signer(privateKey, cluster)).sign("commit", bytes);
    const verifier = side.verifier(cluster);
    const notOnTheCurve = "02" + "00".repeat(31);
    for (const bad of ["", "zz", publicKey.toUpperCase(), publicKey + "00", publicKey.slice(2), notOnTheCurve]) {
      assertEquals(await verifier.verify(bad, "commit", bytes, signature), false, bad);
    }
  });

  Deno.test(`${name}: keys of small order, or not canonical, verify nothing, though libraries differ`, async () => {
    const verifier = side.verifier(cluster);
    // R is the base point and S is 1: right for the key of order 1 and any message, for the others and some messages.
    const signature = fromHex("58" + "66".repeat(31) + "01" + "00".repeat(31));
    const keys = [
      "01" + "00".repeat(31),
      "01" + "00".repeat(30) + "80",
      "ec" + "ff".repeat(30) + "7f",
      "ed" + "ff".repeat(30) + "7f",
      "ee" + "ff".repeat(30) + "7f",
      "ee" + "ff".repeat(31),
      "00".repeat(32),
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for (const key of keys) {
      for (let i = 0; i < 8; i++) {
        assertEquals(await verifier.verify(key, "request", new Uint8Array([i]), signature), false, key);
      }
    }
  });
}

Deno.test("a key that is not canonical is refused before the library is called, because Node would accept it", () => {
  for (const first of ["ed", "ee", "ff"]) {
    for (const last of ["7f", "ff"]) assertEquals(publicKeyBytes(first + "ff".repeat(30) + last), undefined);
  }
  assertEquals(publicKeyBytes("eb" + "ff".repeat(30) + "7f")?.length, 32);
  assertEquals(publicKeyBytes("ed" + "ff".repeat(29) + "fe7f")?.length, 32);
});

Deno.test("a signature whose R has small order is wrong, even if the library would accept it", async () => {
  // Made with the seed of RFC 8032's test 1: R is the neutral element, S = h a mod l.
  const crafted = await craftWithNeutralR(RFC_SEED, RFC_PUBLIC_KEY, "request", bytes);
  assert(await rawVerify(RFC_PUBLIC_KEY, "request", crafted), "the library takes it: else this shows nothing");
  assertFalse(createVerifier(cluster).verify(RFC_PUBLIC_KEY, "request", bytes, crafted));
  assertFalse(await createWebVerifier(cluster).verify(RFC_PUBLIC_KEY, "request", bytes, crafted));
});

Deno.test("an invalid cluster id or epoch throws", () => {
  assertThrows(() => createVerifier("ab" as Digest), TypeError, "expected 64 lower-case hex digits");
  assertThrows(() => createSigner(RFC_SEED, "ab" as Digest), TypeError, "expected 64 lower-case hex digits");
  assertThrows(() => createVerifier(cluster, -1), RangeError, "expected an integer from 0");
});

Deno.test("the signed domain and a message are together one CBOR array of version, cluster, epoch, kind, message", () => {
  const domain = signedDomain(cluster, 1, "commit");
  assertEquals(toHex(domain), `85${"66706266742f31"}5820${cluster}01${"66636f6d6d6974"}`);
});

Deno.test("members' keys stay remembered while a flood of others comes", async () => {
  const { BoundedCache } = await import("../../src/crypto/bounded_cache.ts");
  const cache = new BoundedCache<number>(4);
  cache.set("member", 1);
  for (let i = 0; i < 100; i++) {
    cache.set(`client ${i}`, i);
    if (i % 3 === 0) assertEquals(cache.get("member"), 1);
  }
  assertEquals(cache.get("client 0"), undefined);
  const remembered = Array.from({ length: 100 }, (_, i) => cache.get(`client ${i}`)).filter((v) => v !== undefined);
  assert(remembered.length <= 8);
});

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

async function craftWithNeutralR(seed: string, publicKey: string, kind: "request", bytes: Uint8Array) {
  const secret = await sha512(fromHex(seed));
  secret[0]! &= 248;
  secret[31] = (secret[31]! & 63) | 64;
  const R = new Uint8Array(32);
  R[0] = 1;
  const domain = signedDomain(cluster, 0, kind);
  const h = littleEndian(await sha512(new Uint8Array([...R, ...fromHex(publicKey), ...domain, ...bytes])));
  const signature = new Uint8Array(64);
  signature.set(R);
  let S = (h * littleEndian(secret.subarray(0, 32))) % ORDER;
  for (let i = 32; i < 64; i++, S >>= 8n) signature[i] = Number(S & 255n);
  return signature;
}

async function rawVerify(publicKey: string, kind: "request", signature: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", fromHex(publicKey), "Ed25519", false, ["verify"]);
  const signed = new Uint8Array([...signedDomain(cluster, 0, kind), ...bytes]);
  return crypto.subtle.verify("Ed25519", key, signature, signed);
}

async function sha512(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}
