import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { CliError } from "../../src/cli/cli_error.ts";
import { importKeyPair } from "../../src/crypto/mod.ts";
import { exists } from "../../src/cli/files.ts";
import { parseClusterFile, parseClusterText } from "../../src/wire/mod.ts";

const MEMBERS = ["Apple", "Ball", "Candy", "Dog"].map((name) => `${name}=https://${name.toLowerCase()}.example`);

function manyMembers(n: number): string[] {
  return Array.from({ length: n }, (_, i) => `m${i}=https://m${i}.example`);
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/pbft`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("init makes a cluster file, and a key per member that only its owner may read", () =>
  inFolder(async (folder) => {
    const printed: string[] = [];
    assertEquals(await main(["init", ...MEMBERS, "--folder", folder], (line) => printed.push(line)), 0);
    const cluster = parseClusterFile(JSON.parse(await Deno.readTextFile(`${folder}/cluster.json`)));
    assertEquals(cluster.urls.Candy, "https://candy.example");
    for (const { name, publicKey } of cluster.genesis.replicas) {
      const key = (await Deno.readTextFile(`${folder}/${name}/key`)).trim();
      assertEquals(importKeyPair(key).publicKey, publicKey);
      assertEquals((await Deno.stat(`${folder}/${name}/key`)).mode! & 0o777, 0o600);
      assert(!printed.join("\n").includes(key));
    }
    assertStringIncludes(printed[0]!, "4 members, of which 1 may be faulty");
  }));

Deno.test("init overwrites nothing", () =>
  inFolder(async (folder) => {
    await main(["init", ...MEMBERS, "--folder", folder], () => {});
    const before = await Deno.readTextFile(`${folder}/cluster.json`);
    const error = await assertRejects(() => main(["init", ...MEMBERS, "--folder", folder], () => {}), CliError);
    assertStringIncludes(error.message, "cluster.json exists already");
    assertEquals(await Deno.readTextFile(`${folder}/cluster.json`), before);
  }));

Deno.test("init says what is wrong with its arguments, and writes nothing", () =>
  inFolder(async (folder) => {
    for (
      const [args, why] of [
        [["../x=https://a.example", ...MEMBERS], "../x=https://a.example: expected NAME=URL"],
        [["Apple"], "Apple: expected NAME=URL"],
        [[...MEMBERS.slice(0, 3), "Dog=ftp://dog"], "urls.Dog: expected an http: or https: URL"],
        [MEMBERS.slice(0, 3), "replicas"],
        [[...MEMBERS, "dog=https://eagle.example"], "dog: expected a name that differs from Dog in more than case"],
        [[...MEMBERS, "--interval", "x"], "--interval: expected a whole number from 1"],
        [[...MEMBERS, "--interval", "0x20"], "--interval: expected a whole number from 1"],
        [[...MEMBERS, "--interval", ""], "--interval: expected a whole number from 1"],
        [[...manyMembers(28), "--interval", "32"], "--interval: expected at most 28 with 28 members, got 32"],
        [manyMembers(74), "expected at most 72 members, got 74"],
        [["Apple=https://a.example,abc", ...MEMBERS.slice(1)], "Apple: expected a public key of 64"],
        [["--key", "../Apple"], "--key: expected a name"],
        [
          ["--key", "Apple", ...MEMBERS],
          "--key: makes a key and nothing else, got Apple=https://apple.example as well",
        ],
        [["--key", "Apple", "--interval", "8"], "--key: makes a key and nothing else, got interval as well"],
        [[...MEMBERS, "--colour"], "Unknown option '--colour'"],
      ] as const
    ) {
      const error = await assertRejects(() => main(["init", ...args, "--folder", folder], () => {}), CliError);
      assertStringIncludes(error.message, why);
      assertEquals(error.exitCode, 2);
    }
    await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
  }));

Deno.test("init makes every number of members that it offers, with smaller log windows where they are many", () =>
  inFolder(async (folder) => {
    for (const [n, interval] of [[1, 32], [18, 32], [25, 32], [28, 16], [72, 4]] as const) {
      const path = `${folder}/${n}`;
      assertEquals(await main(["init", ...manyMembers(n), "--folder", path], () => {}), 0);
      const { genesis } = parseClusterText(await Deno.readTextFile(`${path}/cluster.json`));
      assertEquals([genesis.replicas.length, genesis.checkpointInterval, genesis.logWindow], [
        n,
        interval,
        4 * interval,
      ]);
    }
  }));

Deno.test("each owner makes a key, and the cluster file is made of the public ones", () =>
  inFolder(async (folder) => {
    const members: string[] = [];
    for (const name of ["Apple", "Ball", "Candy"]) {
      const printed: string[] = [];
      assertEquals(
        await main(["init", "--key", name, "--folder", `${folder}/of${name}`], (line) => printed.push(line)),
        0,
      );
      members.push(`${name}=https://${name.toLowerCase()}.example,${printed.at(-1)}`);
      const key = await Deno.readTextFile(`${folder}/of${name}/${name}/key`);
      assertEquals(importKeyPair(key.trim()).publicKey, printed.at(-1));
      assertEquals([...Deno.readDirSync(`${folder}/of${name}`)].map((entry) => entry.name).sort(), [
        ".gitignore",
        name,
      ]);
      assert(!printed.join().includes(key.trim()));
    }
    // Apple's owner makes the file, and a key for Dog, who has none.
    await main(["init", ...members, "Dog=https://dog.example:8443/x", "--folder", `${folder}/ofApple`], () => {});
    const { genesis, urls } = parseClusterText(await Deno.readTextFile(`${folder}/ofApple/cluster.json`));
    for (const [i, folderOf] of ["ofApple/Apple", "ofBall/Ball", "ofCandy/Candy", "ofApple/Dog"].entries()) {
      const key = (await Deno.readTextFile(`${folder}/${folderOf}/key`)).trim();
      assertEquals(importKeyPair(key).publicKey, genesis.replicas[i]!.publicKey);
    }
    assertEquals([urls.Apple, urls.Dog], ["https://apple.example", "https://dog.example:8443/x"]);
    assertEquals([...Deno.readDirSync(`${folder}/ofApple`)].map((entry) => entry.name).sort(), [
      ".gitignore",
      "Apple",
      "Dog",
      "cluster.json",
    ]);
  }));

Deno.test("init makes no cluster file whose public key is not that of the key that lies there", () =>
  inFolder(async (folder) => {
    await main(["init", "--key", "Apple", "--folder", folder], () => {});
    const members = [`Apple=https://a.example,${"a".repeat(64)}`, ...MEMBERS.slice(1)];
    const error = await assertRejects(() => main(["init", ...members, "--folder", folder], () => {}), CliError);
    assertStringIncludes(error.message, "Apple/key: expected the private key of aaaa");
    assertEquals(exists(`${folder}/cluster.json`), false);
    const again = await assertRejects(() => main(["init", "--key", "Apple", "--folder", folder], () => {}), CliError);
    assertStringIncludes(again.message, "Apple/key exists already");
  }));

Deno.test("Git does not see the keys that init makes, and is told by nobody else what to ignore", () =>
  inFolder(async (folder) => {
    await main(["init", ...MEMBERS, "--folder", folder], () => {});
    assertStringIncludes(await Deno.readTextFile(`${folder}/.gitignore`), "\n/*/key\n");
    for (const [own, isWarned] of [["*.log\n", true], ["*\n", false]] as const) {
      const path = `${folder}/${isWarned}`;
      await Deno.mkdir(path);
      await Deno.writeTextFile(`${path}/.gitignore`, own);
      const printed: string[] = [];
      await main(["init", ...MEMBERS, "--folder", path], (line) => printed.push(line));
      assertEquals(printed.some((line) => line.includes("add the line /*/key")), isWarned);
      assertEquals(await Deno.readTextFile(`${path}/.gitignore`), own);
    }
  }));

Deno.test("no command, and one that is not there, say which there are", async () => {
  const printed: string[] = [];
  assertEquals(await main([], (line) => printed.push(line)), 2);
  for (const verb of ["serve", "get", "check", "init"]) assertMatch(printed.join(), new RegExp(`^  ${verb} +\\w`, "m"));
  const { exitCode, message } = await assertRejects(() => main(["destroy"], () => {}), CliError);
  assertEquals([exitCode, message], [2, "destroy: no such verb (see pbft --help)"]);
});

Deno.test("each member signs the genesis, check shows who has, and a genesis that was changed afterwards is refused", () =>
  inFolder(async (folder) => {
    const run = async (...args: string[]) => {
      const lines: string[] = [];
      const code = await main(args, (line) => lines.push(line));
      return { code, text: lines.join("\n") };
    };
    await run(
      "init",
      ...MEMBERS.map((member) => member.replace(/https:.*/, "http://127.0.0.1:1")).map((member, i) => `${member}${i}`),
      "--folder",
      folder,
    );
    const file = `${folder}/cluster.json`;
    const key = (name: string) => ["--key", `${folder}/${name}/key`];
    const first = await run("init", "sign", file, ...key("Ball"));
    assertEquals(first.text, `${file}: signed by Ball; the genesis is signed by Ball; Apple, Candy, Dog have not`);
    await run("init", "sign", file, ...key("Apple"));
    assertEquals((await run("check", file)).text.includes("signed by Apple, Ball; Candy, Dog have not"), true);
    assertEquals(JSON.parse((await run("check", file, "--json")).text).genesis, {
      signed: ["Apple", "Ball"],
      missing: ["Candy", "Dog"],
    });
    for (const name of ["Candy", "Dog", "Dog"]) await run("init", "sign", file, ...key(name));
    assertStringIncludes((await run("check", file)).text, "the genesis is signed by all members");
    const text = await Deno.readTextFile(file);
    // URLs may change, the genesis may not.
    await Deno.writeTextFile(file, text.replace("127.0.0.1:10", "127.0.0.1:20"));
    assertEquals((await run("check", file)).code, 3);
    await Deno.writeTextFile(file, text.replace('"checkpointInterval": 32', '"checkpointInterval": 64'));
    const changed = await assertRejects(() => run("check", file), CliError);
    assertMatch(
      changed.message,
      /cluster\.signatures\.Apple: expected Apple's signature .* changed after Apple signed it/,
    );
    await Deno.writeTextFile(file, text.replace(/"Apple": "[0-9a-f]{128}"/, '"Eve": "00"'));
    await assertRejects(() => run("check", file), CliError, "cluster.signatures: expected names of members");
    await run("init", "--key", "Eve", "--folder", `${folder}/eve`);
    await Deno.writeTextFile(file, text);
    const stranger = await assertRejects(() => run("init", "sign", file, "--key", `${folder}/eve/Eve/key`), CliError);
    assertEquals([stranger.exitCode, stranger.message.includes("expected the key of a member")], [2, true]);
    assertEquals(await Deno.readTextFile(file), text);
  }));
