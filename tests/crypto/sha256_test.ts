import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { clusterId, sha256 } from "../../src/crypto/mod.ts";
import { webClusterId, webSha256 } from "../../src/crypto/web.ts";
import { encodeGenesis, utf8 } from "../../src/wire/mod.ts";

const genesis: Genesis = {
  name: "fruit",
  replicas: ["Apple", "Ball", "Candy", "Dog"].map((name, i) => ({ name, publicKey: `${i}a`.repeat(32) })),
  checkpointInterval: 64,
  logWindow: 256,
  stateMachine: "key-value/1",
  limits: DEFAULT_LIMITS,
};

Deno.test("SHA-256 gives the standard's results on both sides", async () => {
  const ofAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assertEquals<string>(sha256(utf8("abc")), ofAbc);
  assertEquals<string>(await webSha256(utf8("abc")), ofAbc);
  const view = utf8("xabcx").subarray(1, 4);
  assertEquals<string>(sha256(view), ofAbc);
  assertEquals<string>(await webSha256(view), ofAbc);
});

Deno.test("the cluster id is the hash of the genesis, the same on both sides and in every release", async () => {
  assertEquals(clusterId(genesis), sha256(encodeGenesis(genesis)));
  assertEquals(await webClusterId(genesis), clusterId(genesis));
  assertEquals<string>(clusterId({ ...genesis, limits: FIRST_LIMITS }), FIRST_CLUSTER_ID);
});

Deno.test("a genesis that can't be encoded has no cluster id, and the error names the field", async () => {
  const bad = { ...genesis, logWindow: -1 };
  assertThrows(() => clusterId(bad), RangeError, "genesis.logWindow: expected an integer");
  await assertRejects(() => webClusterId(bad), RangeError, "genesis.logWindow: expected an integer");
});

/** Written out, so that a change of the defaults or of the encoding can't change running clusters unnoticed. */
const FIRST_LIMITS: Genesis["limits"] = {
  maxRequestBytes: 524_288,
  maxRequestOperations: 4096,
  maxBatchBytes: 1_048_576,
  maxBatchRequests: 1024,
  maxResultBytes: 65_536,
  sessionWindow: 64,
  maxSessionReplyBytes: 262_144,
  maxSessions: 1024,
  sessionIdleMs: 60_000,
  maxNames: 4096,
  nameIdleMs: 600_000,
  maxClockSkewMs: 5_000,
};
const FIRST_CLUSTER_ID = "8ba6cdf51fbe8043ed2b580695a8c5cdbac52e86e43c96432857ced533ee0260";
