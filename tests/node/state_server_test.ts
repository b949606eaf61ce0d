/** The state for members of a later epoch: what others who repeat their fetches can take from them. */
import { assertEquals } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import { createSigner, sha256 } from "../../src/crypto/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { StateServer } from "../../src/node/epochs/state_server.ts";
import { CRYPTOGRAPHY } from "../../src/node/options.ts";
import { encodeFrame } from "../../src/wire/mod.ts";
import { epochWith, keyOf } from "../wire/_epochs.ts";

const epoch = epochWith(["Apple", "Ball", "Candy", "Dog"]);
const BLOB = new Uint8Array(1024 * 1024);
const digests = [sha256(BLOB) as Digest];

/** A server of one blob, and fetches that Apple has signed. */
function serving() {
  const reads: (() => void)[] = [];
  const server = new StateServer({
    store: { read: () => new Promise((resolve) => reads.push(() => resolve([BLOB]))) },
    timer: { monotonic: () => 0 },
    cryptography: CRYPTOGRAPHY,
  });
  const signer = createSigner(keyOf("Apple").privateKey, epoch.context, epoch.number);
  const fetch = (number: number) =>
    encodeFrame(sign(signer, { kind: "fetch", replica: 0 as ReplicaId, number, digests }));
  return { reads, fetch, ask: (frame: Uint8Array) => server.answer(epoch, frame, epoch) };
}

Deno.test("while somebody repeats a member's fetch, the member itself is answered", async () => {
  const { reads, fetch, ask } = serving();
  const first = ask(fetch(1));
  reads.shift()!();
  assertEquals((await first)?.length, 1);
  // The repeated one is being read when the member asks for more.
  const repeated = ask(fetch(1));
  const next = ask(fetch(2));
  assertEquals([repeated, ask(fetch(1)), ask(fetch(3))].map((answer) => answer === null), [false, true, true]);
  for (const read of reads.splice(0)) read();
  assertEquals([(await repeated)?.length, (await next)?.length], [1, 1]);
});

Deno.test("whoever repeats a fetch without an end uses up none of the bytes that the member may have", async () => {
  const { reads, fetch, ask } = serving();
  const answered = async (number: number) => {
    const answer = ask(fetch(number));
    reads.shift()?.();
    return (await answer)?.length ?? 0;
  };
  assertEquals(await answered(1), 1);
  let repeated = 0;
  while (await answered(1) > 0) repeated++;
  assertEquals(repeated, 32);
  assertEquals(await answered(2), 1);
});
