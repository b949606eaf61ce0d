/** Keys of new members that cannot be right: private ones, what is no key, and that of another process than the one that waits. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { isPoint } from "../../src/cli/genesis/public_keys.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { FOUR, keyOf } from "../node/_epochs.ts";
import { exists } from "../e2e/_members.ts";
import { eventually } from "../tools/eventually.ts";
import { inFolder } from "../tools/folder.ts";
import { freePort } from "../tools/ports.ts";
import { printed, refused, served } from "./_served.ts";

/** 64 hex digits that are no point of the curve: y = 2. */
const NO_POINT = `02${"00".repeat(31)}`;

Deno.test("each key that is made is a point, and of other numbers about half are none", () => {
  const pairs = Array.from({ length: 64 }, generateKeyPair);
  assert(pairs.every(({ publicKey }) => isPoint(publicKey)));
  const points = pairs.filter(({ privateKey }) => isPoint(privateKey)).length;
  assert(points > 8 && points < 56, String(points));
  assert(!isPoint(NO_POINT));
});

Deno.test("a private key is never proposed, signed or sent as a public one, and no error repeats it", async () => {
  await served([...FOUR, "Eagle"], async (folder, urls) => {
    const at = ["--cluster", `${folder}/cluster.json`];
    const file = `${folder}/next.json`;
    const { privateKey } = keyOf("Apple");
    const flags = [
      ["--add", `Eagle=${privateKey}@${urls.Eagle}`],
      ["--replace", `Dog:Eagle=${privateKey}@${urls.Eagle}`],
      ["--key", `Ball=${privateKey}`],
    ];
    for (const change of flags) {
      const error = await refused("members", "propose", file, ...change, ...at);
      assertMatch(
        error,
        /^2 (Eagle|Ball): expected a public key, got the private key of Apple\n.*give Apple another key/,
      );
      assert(!error.includes(privateKey));
    }
    const none = await refused("members", "propose", file, "--add", `Eagle=${NO_POINT}@${urls.Eagle}`, ...at);
    assertMatch(none, /^2 Eagle: expected a public key, got 64 hex digits that are no public key of Ed25519/);
    // The public key of somebody else, where Eagle waits.
    const other = ["--add", `Eagle=${keyOf("Fig").publicKey}@${urls.Eagle}`];
    assertEquals(
      await refused("members", "propose", file, ...other, ...at),
      `1 Eagle: expected the key of the server at ${urls.Eagle}, ${keyOf("Eagle").publicKey}, got ${
        keyOf("Fig").publicKey
      }\nstart Eagle with the private key that belongs to this public key, or propose its public key`,
    );
    assertEquals(exists(file), false);

    // Somebody else has made the file.
    await printed("members", "propose", file, "--add", `Eagle=${keyOf("Eagle").publicKey}@${urls.Eagle}`, ...at);
    const text = await Deno.readTextFile(file);
    const forged = `${folder}/forged.json`;
    await Deno.writeTextFile(forged, text.replace(keyOf("Eagle").publicKey, privateKey));
    for (const action of ["show", "sign", "submit"]) {
      const error = await refused("members", action, forged, "--key", `${folder}/Ball.key`, ...at);
      assertMatch(error, /Eagle: expected a public key, got the private key of Apple\n/);
    }
    assertEquals(JSON.parse(await Deno.readTextFile(forged)).approvals, {});
  });
});

Deno.test("check names a member whose server has another key", async () => {
  await served([...FOUR, "Eagle"], async (folder, urls) => {
    const at = ["--cluster", `${folder}/cluster.json`];
    const change = async (...flags: string[]) => {
      const file = `${folder}/${flags[0]!.slice(2)}.json`;
      await printed("members", "propose", file, ...flags, ...at);
      for (const name of FOUR) await printed("members", "sign", file, "--key", `${folder}/${name}.key`, ...at);
      await printed("members", "submit", file, ...at);
    };
    const { publicKey } = keyOf("Fig");
    await change("--add", `Eagle=${publicKey}@http://127.0.0.1:${freePort()}`);
    await change("--url", `Eagle=${urls.Eagle}`);
    const { text } = await printed("check", ...at.slice(1));
    assertMatch(text, /wrong: Eagle \(does not count\): the server at this URL has key [0-9a-f]{64}, not Eagle's\n/);
    assert(text.includes(keyOf("Eagle").publicKey));
  });
});

Deno.test("init takes no private key as that of a member that has made its own", async () => {
  await inFolder(async (folder) => {
    const { privateKey, publicKey } = generateKeyPair();
    const init = (eagle: string) =>
      refused(
        "init",
        `Apple=http://127.0.0.1:1,${publicKey}`,
        `Ball=http://127.0.0.1:2,${eagle}`,
        "Candy=http://127.0.0.1:3",
        "Dog=http://127.0.0.1:4",
        "--folder",
        `${folder}/c`,
      );
    const error = await init(privateKey);
    assertMatch(error, /^2 Ball: expected a public key, got the private key of Apple\n/);
    assert(!error.includes(privateKey));
    assertMatch(await init(NO_POINT), /^2 Ball: expected a public key, got 64 hex digits that are no public key/);
    assertEquals(exists(`${folder}/c`), false);
  });
});

Deno.test("submit and list count no server that is no member, where the process of a new key was not started", async () => {
  await served(FOUR, async (folder) => {
    const at = ["--cluster", `${folder}/cluster.json`];
    const file = `${folder}/next.json`;
    // Apple's next key is to be at the address where the process of its present key goes on.
    await printed("members", "propose", file, "--key", `Apple=${keyOf("Eagle").publicKey}`, ...at);
    for (const name of FOUR) await printed("members", "sign", file, "--key", `${folder}/${name}.key`, ...at);
    const { text } = await printed("members", "submit", file, ...at);
    assertMatch(text, /^epoch 1 is in force, from number \d+ on: Ball, Candy and Dog answer; Apple not yet\n/);
    await eventually("list says so", async () => {
      const list = await printed("members", "list", ...at);
      return /; 3 answer\n/.test(list.text) && /\nApple .* is a server that is no member\n/.test(list.text);
    }, 30_000);
  });
});
