/** Which proposals a member may approve of without its operator. */
import { assertEquals, assertRejects } from "@std/assert";
import { clusterId, createSigner, sha256 } from "../../src/crypto/mod.ts";
import {
  approve,
  type Change,
  checkRotation,
  ConfigureError,
  firstEpoch,
  type Proposal,
  propose,
} from "../../src/wire/epochs/mod.ts";
import { clusterFile, keyOf, memberOf, urlsOf } from "../node/_epochs.ts";
import { crypto } from "./_epochs.ts";

const epoch = firstEpoch(clusterFile, clusterId(clusterFile.genesis));
const { replicas } = epoch.genesis;
const next = keyOf("Dog's next").publicKey;
const withKey = (name: string, publicKey: string) =>
  replicas.map((member) => member.name === name ? { name, publicKey } : member);

/** A proposal that these have signed, each with the key that belongs to the name. */
async function signed(change: Change, by: readonly string[]): Promise<Proposal> {
  let proposal = propose(epoch, change);
  for (const name of by) {
    const signer = createSigner(keyOf(name).privateKey, epoch.cluster, 1);
    proposal = await approve(epoch, proposal, { signer, hash: sha256 });
  }
  return proposal;
}

Deno.test("a new key of one member that it has signed is a rotation", async () => {
  const { name, publicKey } = await checkRotation(
    epoch,
    await signed({ replicas: withKey("Dog", next) }, ["Dog"]),
    crypto,
  );
  assertEquals([name, publicKey], ["Dog", next]);
});

const both = withKey("Dog", next).map((member) => member.name === "Ball" ? memberOf("Eagle") : member);
const swapped = [replicas[1]!, replicas[0]!, replicas[2]!, { name: "Dog", publicKey: next }];
const renamed = [...replicas.slice(0, 3), { name: "Hat", publicKey: next }];
for (
  const [what, change, by, why] of [
    ["signed by another member only", { replicas: withKey("Dog", next) }, ["Apple"], "wrong-signature"],
    ["signed by nobody", { replicas: withKey("Dog", next) }, [], "wrong-signature"],
    [
      "new keys of two members",
      { replicas: both.map((m, i) => i === 1 ? { ...m, name: "Ball" } : m) },
      ["Dog"],
      "2 new keys",
    ],
    ["nothing", {}, ["Dog"], "no-change"],
    ["the members in another order", { replicas: swapped }, ["Dog"], "further ones"],
    ["another name", { replicas: renamed, urls: urlsOf(["Hat"]) }, ["Dog"], "0 new keys"],
    [
      "one member more",
      { replicas: [...withKey("Dog", next), memberOf("Eagle")], urls: urlsOf(["Eagle"]) },
      ["Dog"],
      "further ones",
    ],
    ["a limit too", { replicas: withKey("Dog", next), limits: { maxSessions: 99 } }, ["Dog"], "further ones"],
    ["a version too", { replicas: withKey("Dog", next), stateMachine: "key-value/2" }, ["Dog"], "further ones"],
    [
      "a URL of another member too",
      { replicas: withKey("Dog", next), urls: { Ball: "http://evil.example" } },
      ["Dog"],
      "further ones",
    ],
    [
      "its own URL too",
      { replicas: withKey("Dog", next), urls: { Dog: "http://evil.example" } },
      ["Dog"],
      "further ones",
    ],
  ] as const satisfies readonly (readonly [string, Change, readonly string[], string])[]
) {
  Deno.test(`it is none if it changes ${what}`, async () => {
    await assertRejects(async () => await checkRotation(epoch, await signed(change, by), crypto), ConfigureError, why);
  });
}

Deno.test("it is none with the signature of another proposal, or for another epoch", async () => {
  const other = await signed({ replicas: withKey("Dog", keyOf("other").publicKey) }, ["Dog"]);
  const { configuration } = await signed({ replicas: withKey("Dog", next) }, []);
  const mixed = { configuration, approvals: other.approvals };
  await assertRejects(() => checkRotation(epoch, mixed, crypto), ConfigureError, "wrong-signature");
  const later = { ...epoch, number: 1 };
  await assertRejects(
    async () => checkRotation(later, await signed({ replicas: withKey("Dog", next) }, ["Dog"]), crypto),
    ConfigureError,
    "wrong-epoch",
  );
});
