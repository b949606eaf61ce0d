/** The programs of the applications: what their user can mend is a line with the next step, and no stack. */
import { assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { root } from "../tools/files.ts";
import { run } from "./_process.ts";

/** A cluster of another machine, which nobody runs. */
function otherCluster(): string {
  const names = ["Apple", "Ball", "Candy", "Dog"];
  const replicas = names.map((name) => ({ name, publicKey: generateKeyPair().publicKey }));
  const rules = { checkpointInterval: 16, logWindow: 64, stateMachine: "other/1", limits: DEFAULT_LIMITS };
  const urls = Object.fromEntries(names.map((name, i) => [name, `http://127.0.0.1:${i + 1}`]));
  return JSON.stringify({ genesis: { name: "other", replicas, ...rules }, urls });
}

Deno.test("a wrong use of the applications' programs is said in a line, with the next step", async () => {
  await inFolder(async (folder) => {
    const other = `${folder}/cluster.json`;
    await Deno.writeTextFile(other, otherCluster());
    await Deno.writeTextFile(`${folder}/empty.json`, "{}");
    const startOf = (name: string) =>
      `\n  next: start the cluster of this example: deno run -A src/cli/mod.ts dev examples/${name}/machine.ts --fresh`;
    const foreign = (name: string) =>
      `${other}: expected a cluster that runs ${name}/1, got one of other/1${startOf(name)}`;
    const wrong: readonly [program: string, args: readonly string[], message: string][] = [
      ["locks/main.ts", [`${folder}/none`], `${folder}/none: no such file${startOf("locks")}`],
      ["locks/main.ts", [other], foreign("locks")],
      ["flags/server.ts", ["--cluster", other], foreign("flags")],
      [
        "flags/set.ts",
        ["a", "--cluster", `${folder}/empty.json`],
        `${folder}/empty.json: cluster.genesis: expected a value, got none`,
      ],
      ["flags/set.ts", ["a", "--percnt", "5"], "Unknown option '--percnt'"],
      ["releases/publish.ts", ["no.tgz", "--name", "a", "--version", "1"], "no.tgz: no such file"],
      ["releases/check.ts", [other, "--cluster", other], foreign("releases")],
    ];
    await Promise.all(wrong.map(async ([program, args, message]) => {
      const path = new URL(`examples/${program}`, root).pathname;
      const { code, output } = await run(["deno", "run", "-A", "--no-lock", path, ...args], { cwd: folder });
      assertEquals([code, output.trimEnd().split("\n").slice(0, 2).join("\n")], [2, `error: ${message}`], program);
    }));
  });
});
