import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { CliError } from "../../src/cli/cli_error.ts";
import { importKeyPair } from "../../src/crypto/mod.ts";
import { parseClusterFile } from "../../src/wire/mod.ts";

const MEMBERS = ["Apple", "Ball", "Candy", "Dog"].map((name) => `${name}=https://${name.toLowerCase()}.example`);

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
    assertStringIncludes(printed[0]!, "4 members, of which 1 may fail or lie");
  }));

Deno.test("init overwrites nothing", () =>
  inFolder(async (folder) => {
    await main(["init", ...MEMBERS, "--folder", folder], () => {});
    const before = await Deno.readTextFile(`${folder}/cluster.json`);
    const error = await assertRejects(() => main(["init", ...MEMBERS, "--folder", folder], () => {}), CliError);
    assertStringIncludes(error.message, "cluster.json is there already");
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
        [[...MEMBERS, "--interval", "x"], "--interval: expected a number"],
        [[...MEMBERS, "--colour"], "Unknown option '--colour'"],
      ] as const
    ) {
      const error = await assertRejects(() => main(["init", ...args, "--folder", folder], () => {}), CliError);
      assertStringIncludes(error.message, why);
      assertEquals(error.exitCode, 2);
    }
    await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
  }));

Deno.test("no command, and one that is not there, say which there are", async () => {
  const printed: string[] = [];
  assertEquals(await main([], (line) => printed.push(line)), 2);
  assertStringIncludes(printed.join(), "check  ask every member");
  await assertRejects(() => main(["destroy"], () => {}), CliError, "expected init or check");
});
