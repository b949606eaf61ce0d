/** `pbft members` against served members: a proposal is made, shown, signed, submitted; and what is wrong is said before anything is sent. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clusterFile, FOUR, keyOf } from "../node/_epochs.ts";
import { json, printed, refused, served } from "./_served.ts";

const keyText = (name: string) => keyOf(name).publicKey;

Deno.test("a member is replaced by a proposal that a quorum signs, and a file with a wrong part is refused", async () => {
  await served([...FOUR, "Eagle"], async (folder, urls) => {
    const at = ["--cluster", `${folder}/cluster.json`];
    const file = `${folder}/next.json`;
    const before = await json("members", "list", ...at);
    assertEquals([before.epoch, before.answering, before.quorum], [0, 4, 3]);
    assertMatch(await refused("members", "sign", file, "--key", "x", ...at), /^2 .*next\.json: No such file/);
    assertMatch(
      await refused("members", "propose", file, "--remove", "Dog", ...at),
      /^2 replicas: expected 4 or more members .*got 3/,
    );
    assertMatch(
      await refused("members", "propose", file, "--remove", "Dig", ...at),
      /^2 --remove: expected one of Apple, /,
    );
    assertMatch(
      await refused("members", "propose", file, "--add", "Eve=12@http://x", ...at),
      /^2 --add: expected NAME=PUB/,
    );
    assertMatch(await refused("members", "propose", file, ...at), /^2 no-change: expected another configuration than /);
    assertMatch(
      await refused("members", "propose", file, "--add", `dog=${keyText("Eagle")}@${urls.Eagle}`, ...at),
      /^2 similar-names: dog: expected a name that differs from Dog in more than case/,
    );
    assertMatch(await refused("members", "propose", file, "--limit", "maxFoo=7", ...at), /^2 limits: expected only /);

    const change = ["--replace", `Dog:Eagle=${keyText("Eagle")}@${urls.Eagle}`, "--limit", "maxSessions=2048"];
    const proposed = await printed("members", "propose", file, ...change, "--checkpoint-interval", "4", ...at);
    assertEquals(proposed.text.split("\n"), [
      `${file}: epoch 1 of test: 4 members, of which 1 may be faulty; a quorum is 3`,
      "  removes Dog",
      `  adds Eagle at ${urls.Eagle}, key ${keyText("Eagle")}`,
      "  checkpointInterval: 8 becomes 4",
      "  logWindow: 32 becomes 16",
      "  limits.maxSessions: 1024 becomes 2048",
      "signed by nobody; 3 of Apple, Ball, Candy, Dog must sign too",
      `next: members sign it, each with its own key: pbft members sign ${file} --key FILE`,
    ]);
    assertMatch(await refused("members", "propose", file, ...change, ...at), /^2 .* exists already/);
    assertMatch(
      await refused("members", "sign", file, "--key", `${folder}/Eagle.key`, ...at),
      /^2 .*Eagle\.key: expected the key of a member in epoch 0, got that of [0-9a-f]{64}\nApple/,
    );
    for (const name of ["Dog", "Apple"]) {
      await printed("members", "sign", file, "--key", `${folder}/${name}.key`, ...at);
    }
    assertEquals((await json("members", "sign", file, "--key", `${folder}/Apple.key`, ...at)).lacking, 1);
    assertMatch(
      await refused("members", "submit", file, ...at),
      /^1 .*not-enough-signatures: expected approvals of 3 members, got 2; nothing was sent\n1 of Ball, Candy sign it/,
    );
    await printed("members", "sign", file, "--key", `${folder}/Ball.key`, ...at);
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(`${folder}/changed.json`, text.replace('"maxSessions": 2048', '"maxSessions": 4096'));
    for (const action of ["show", "submit"]) {
      const error = await refused("members", action, `${folder}/changed.json`, ...at);
      assertMatch(error, /^1 .*wrong-signature: approvals\.\w+: .*the file was changed after \w+ signed it/);
    }
    const other = { genesis: { ...clusterFile.genesis, name: "other" }, urls };
    await Deno.writeTextFile(
      `${folder}/other.json`,
      JSON.stringify({ ...other, urls: Object.fromEntries(FOUR.map((name) => [name, urls[name]])) }),
    );
    assertMatch(
      await refused("members", "show", file, "--cluster", `${folder}/other.json`),
      /^1 .*wrong-cluster: expected /,
    );
    assertMatch(
      await refused("members", "list", "--cluster", `${folder}/other.json`),
      /^3 no member answers: .*is of another cluster/,
    );

    // Two members submit it at once: one is ordered, and both wait until it is in force.
    const submissions = await Promise.all([0, 1].map(() => printed("members", "submit", file, ...at)));
    const submitted = submissions.find(({ text }) => !text.includes("already"))!;
    assertEquals(submissions.map(({ code }) => code), [0, 0]);
    assertMatch(
      submitted.text,
      /^epoch 1 is in force, from number \d+ on: Apple, Ball.* answer(; Eagle not yet)?\n {2}Apple http/,
    );
    assertStringIncludes(submitted.text, `  Eagle ${urls.Eagle}`);
    assertMatch((await printed("members", "submit", file, ...at)).text, /^epoch 1 is in force already/);
    const late = `${folder}/late.json`;
    const { approvals: _, ...rest } = JSON.parse(text);
    const { configuration } = rest;
    const stale = { ...configuration, genesis: { ...configuration.genesis, logWindow: 32 } };
    await Deno.writeTextFile(late, JSON.stringify({ ...rest, configuration: stale, approvals: {} }));
    // Who keeps the chain does not sign what is over.
    for (const action of ["sign", "show"]) {
      const error = await refused("members", action, late, "--key", `${folder}/Apple.key`, ...at);
      assertMatch(error, /^1 .*late\.json: wrong-epoch: expected epoch 2, got 1: the cluster is in epoch 1 already/);
    }
    assertEquals(JSON.parse(await Deno.readTextFile(late)).approvals, {});
    assertMatch(
      await refused("members", "sign", file, "--key", `${folder}/Candy.key`, ...at),
      /^1 .*next\.json: epoch 1 is in force already with this configuration; nothing was signed/,
    );
    assertMatch((await printed("members", "show", file, ...at)).text, /\nepoch 1 is in force already$/);
    // Who does not, finds out when it is sent.
    await Deno.copyFile(`${folder}/cluster.json`, `${folder}/copy.json`);
    const away = ["--cluster", `${folder}/copy.json`];
    for (const name of FOUR) await printed("members", "sign", late, "--key", `${folder}/${name}.key`, ...away);
    assertMatch(await refused("members", "submit", late, ...away), /^1 .*wrong-epoch: expected epoch 2, got 1/);
    const after = await json("members", "list", ...at);
    assertEquals([after.epoch, after.limits.maxSessions], [1, 2048]);
    assertEquals(after.members.map(({ name }: { name: string }) => name), ["Apple", "Ball", "Candy", "Eagle"]);

    // The chain as a file; and with it the next proposal, also without a network.
    await printed("members", "chain", `${folder}/chain.json`, ...at);
    const chain = JSON.parse(await Deno.readTextFile(`${folder}/chain.json`));
    assertEquals([chain.epoch, chain.after, chain.links.length], [1, 0, 1]);
    const rotated = ["--key", `Apple=${keyText("Fig")}`, "--url", "Apple=http://apple.example:99/"];
    const gone = {
      ...clusterFile,
      urls: Object.fromEntries(FOUR.map((name, i) => [name, `http://127.0.0.1:${i + 1}`])),
    };
    await Deno.writeTextFile(`${folder}/gone.json`, JSON.stringify(gone));
    const offline = ["--cluster", `${folder}/gone.json`];
    assertMatch(
      await refused("members", "list", ...offline),
      /^3 no member gives the chain of epochs\nhttp:.* refuses/,
    );
    const second = await json(
      "members",
      "propose",
      `${folder}/2.json`,
      ...rotated,
      "--chain",
      `${folder}/chain.json`,
      ...offline,
    );
    assertEquals(second.epoch, 2);
    assertEquals(second.changes, [
      `gives Apple the key ${keyText("Fig")}, instead of ${keyText("Apple")}`,
      `moves Apple from ${urls.Apple} to http://apple.example:99`,
    ]);
    chain.links = [chain.links[0].replace(/./, "B")];
    await Deno.writeTextFile(`${folder}/forged.json`, JSON.stringify(chain));
    assertMatch(
      await refused("members", "list", "--chain", `${folder}/forged.json`, ...at),
      /^1 \S+forged\.json: links\[0\]/,
    );
    assertEquals((await json("members", "list", "--from", urls.Candy!, ...offline)).epoch, 1);
  });
});
