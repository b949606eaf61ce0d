import { assert, assertEquals, assertMatch } from "@std/assert";
import { filesUnder, root, textOf } from "./files.ts";
import { inFolder } from "./folder.ts";
import { filesFor, namesPath, stopGroup, writeModules } from "./run_tests.ts";
import { LATER, LONGEST, planOf } from "./test_plan.ts";

const all = filesUnder("tests", "_test.ts");

Deno.test("the test files that run first are there", () => {
  assertEquals([...LONGEST, ...LATER].filter((path) => textOf(path) === undefined), []);
});

Deno.test("each test file of the repository runs, and runs once; what runs later is run by the continuous integration", () => {
  const { waiting, computing } = planOf(all);
  assert(all.length > 200);
  assertEquals([...waiting, ...computing.flatMap(({ files }) => files), ...LATER].sort(), all);
  const steps = textOf(".ci/run")!.match(/^step .*$/gm)!;
  for (const file of LATER) assert(steps.some((step) => step.endsWith(` task test ${file}`)), file);
  const names = computing.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  // No file that deno test would take for one of tests lies elsewhere, or has another name.
  const elsewhere = ["src", "page", "examples", "tests"].flatMap((folder) => filesUnder(folder, ""))
    .filter((path) => !path.includes("/node_modules/") && /(?:^|[._/])test\.[cm]?[jt]sx?$/.test(path));
  assertEquals(elsewhere.sort(), all);
});

Deno.test("files that wait stay alone, a long one comes first, and others of one room that leave nothing open are loaded together", () => {
  const files = Array.from({ length: 4 }, (_, i) => `tests/testing/a${i}_test.ts`);
  const { waiting, computing } = planOf([
    ...["tests/api_test.ts", ...files, "tests/core/a_test.ts", "tests/fuzz/a_test.ts", "tests/testing/kinds_test.ts"],
    ...["tests/core/open_test.ts", "tests/wire/a_test.ts", "tests/e2e/a_test.ts", "tests/e2e/failover_test.ts"],
  ], (path) => path.includes("open") ? "Deno.test({ sanitizeOps: false })" : undefined);
  assertEquals(waiting, ["tests/e2e/failover_test.ts", "tests/e2e/a_test.ts"]);
  assertEquals(computing.map(({ name, files }) => [name, files.length]), [
    ...[["testing_1", 3], ["testing_2", 2], ["core_1", 2], ["others_1", 2], ["core_open", 1]],
  ]);
  assertEquals(computing[0]!.files[0], "tests/testing/kinds_test.ts");
});

Deno.test("--ignore leaves out files and folders, and a path is told from other arguments", () => {
  const files = ["tests/a_test.ts", "tests/e2e/b_test.ts", "tests/e2e_test.ts"];
  assertEquals(filesFor(["--ignore=tests/e2e,tests/a_test.ts", "--quiet"], files), ["tests/e2e_test.ts"]);
  for (const path of ["tests/core", "mod.ts", "tests/nowhere_test.ts"]) assertEquals(namesPath([path]), true);
  for (const given of [[], ["--ignore=tests/e2e"], ["--filter", "a view"]]) assertEquals(namesPath(given), false);
});

Deno.test("files begin in the order of the plan, in whatever folders they are", async () => {
  await inFolder(async (folder) => {
    const places = ["one", "deep/er/two", "deep/three"];
    await Deno.mkdir(`${folder}/deep/er`, { recursive: true });
    for (const place of places) {
      await Deno.writeTextFile(`${folder}/${place}.ts`, `Deno.test(${JSON.stringify(place)}, () => {});`);
    }
    const parts = places.map((place) => ({ name: place.replaceAll("/", "_"), files: [`${folder}/${place}.ts`] }));
    const args = ["test", "--no-check", "--parallel", "--config=deno.json", "--lock=tests/deno.lock"];
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [...args, ...await writeModules(folder, parts)],
      cwd: root,
      env: { NO_COLOR: "1", DENO_JOBS: "1" },
    }).output();
    const began = [...new TextDecoder().decode(stdout).matchAll(/(\S+) \.\.\. ok/g)].map(([, name]) => name);
    assertEquals(began, places);
  });
});

Deno.test("a file that is loaded with others reports each of its tests, and where one fails", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/one.ts`, `Deno.test("well", () => {});`);
    await Deno.writeTextFile(`${folder}/two.ts`, `\nDeno.test("ill", () => { throw new Error("planted"); });`);
    await Deno.writeTextFile(`${folder}/all_test.ts`, `import "./one.ts";\nimport "./two.ts";`);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", "--config=deno.json", "--lock=tests/deno.lock", `${folder}/all_test.ts`],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 1);
    assertMatch(text, /^FAILED \| 1 passed \| 1 failed/m);
    assertMatch(text, /^ill => .*\/two\.ts:2:\d+$/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "what a run leaves behind is stopped after it",
  ignore: Deno.build.os === "windows",
  async fn() {
    const run = new Deno.Command("sh", {
      args: ["-c", "sleep 600 & sleep 600 & echo left"],
      stdin: "null",
      stdout: "piped",
      detached: true,
    }).spawn();
    await run.status;
    stopGroup(run.pid);
    // It ends when nobody holds it any more.
    assertEquals(await new Response(run.stdout).text(), "left\n");
    stopGroup(run.pid);
  },
});
