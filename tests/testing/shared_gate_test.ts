import { assert, assertEquals } from "@std/assert";
import type { ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Prepare } from "../../src/core/messages/messages.ts";
import { clusterId, createVerifier, sha256 } from "../../src/crypto/mod.ts";
import { Gate } from "../../src/node/in/gate.ts";
import { SharedGate } from "../../src/testing/world/shared_gate.ts";
import { Author, genesisOf } from "../node/_cluster.ts";

const genesis = genesisOf(4);
const cluster = clusterId(genesis);

function setUp() {
  let verifications = 0;
  const inner = createVerifier(cluster);
  const verify: typeof inner.verify = (...args) => {
    verifications++;
    return inner.verify(...args);
  };
  const options = { genesis, verifier: { verify }, maxVerifiedRequests: 8 };
  return { shared: new SharedGate(options), plain: new Gate(options), verifications: () => verifications };
}

function prepare(sequence: number): Uint8Array {
  const place = { replica: 1 as ReplicaId, view: 0 as View, sequence: sequence as SequenceNumber };
  const message: Prepare = { kind: "prepare", ...place, digest: sha256(new Uint8Array([sequence])) };
  return new Author(2, cluster).frame(message);
}

Deno.test("a shared gate verifies a frame once, even if it arrives again in another buffer", () => {
  const { shared, verifications } = setUp();
  const frame = prepare(1);
  const first = shared.check(frame);
  assert(!("reason" in first));
  assertEquals([shared.check(frame) === first, shared.check(frame.slice()) === first], [true, true]);
  assertEquals(verifications(), 1);
});

Deno.test("a shared gate gives every damaged frame the verdict of a gate that has not seen the intact one", () => {
  const { shared, plain } = setUp();
  const frame = prepare(2);
  for (let bit = 0; bit < 8 * frame.length; bit++) {
    shared.check(frame);
    const damaged = frame.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assertEquals(shared.check(damaged), plain.check(damaged), `bit ${bit}`);
  }
});

Deno.test("a shared gate accepts a frame on one route and refuses it on another, as a gate of its own would", () => {
  const { shared } = setUp();
  const frame = prepare(3);
  assert(!("reason" in shared.check(frame, ["prepare"])));
  const refused = shared.check(frame, ["commit"]);
  assertEquals("reason" in refused && refused.reason, "not-accepted-here");
});
