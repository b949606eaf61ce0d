/** What is published, in a fresh project that knows nothing of this repository, as Deno gets it from JSR; `npm_package_test.ts` has the other runtimes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { filesUnder, root } from "../tools/files.ts";
import { PROGRAM, run, WATCHED } from "./_program.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The published files, and an import map that does what JSR does with them. */
async function copyPublished(folder: string): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  for (const path of ["mod.ts", ...filesUnder("src", ".ts")]) {
    await Deno.mkdir(`${folder}/edge/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(new URL(path, root), `${folder}/edge/${path}`);
  }
  const exports = Object.entries(config.exports as Record<string, string>);
  const own = exports.map(([name, path]) => [`@pbft/edge${name.slice(1)}`, path.replace("./", "./edge/")]);
  const packages = Object.entries(config.imports as Record<string, string>).filter(([, to]) => to.startsWith("npm:"));
  const below = packages.map(([name, to]) => [`${name}/`, `${to.replace("npm:", "npm:/")}/`]);
  const imports = Object.fromEntries([...own, ...packages, ...below]);
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
}

Deno.test("nothing that is published imports what is local", async () => {
  const listed = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(listed.stderr);
  assertStringIncludes(text, "Success Dry run complete");
  const files = text.match(/file:\S+/g)!.map((url) => url.slice(new URL("../../", import.meta.url).href.length));
  assert(files.includes("mod.ts"));
  assertEquals(files.filter((path) => /^(tests|examples)\//.test(path)), []);
});

for (const version of ["2.5.0", "2.9.6"]) {
  Deno.test(`a fresh project imports it under Deno ${version}`, () =>
    inFolder(async (folder) => {
      await copyPublished(folder);
      const deno = Deno.version.deno === version ? [Deno.execPath()] : ["npx", "--yes", `deno@${version}`];
      const args = [...deno.slice(1), "run", "-A", "--quiet", "program.mjs", `${folder}/db`];
      assertEquals(await run(folder, deno[0]!, ...args), `1 1 function sqlite\n${WATCHED}`);
    }));
}
