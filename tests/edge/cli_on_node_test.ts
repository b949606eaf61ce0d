/** The command in the npm package, under the Node that is here: as `npx @pbft/edge` runs it. */
import { assertEquals, assertMatch } from "@std/assert";
import { Dev, pbft, type Ran } from "../cli/_dev.ts";
import { inFolder } from "../tools/folder.ts";
import { packForNpm } from "../tools/npm_package.ts";

const COUNTER = `
import { snapshotMachine } from "@pbft/edge/machines";
const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
export default function createCounter() {
  let count = 0;
  return snapshotMachine({
    version: "counter/1",
    execute: () => encode(++count),
    query: () => encode(count),
    snapshot: () => encode(count),
    restore: (bytes) => void (count = JSON.parse(new TextDecoder().decode(bytes))),
  });
}
export const workload = { operation: () => encode("next") };
`;

Deno.test("the npm package has the command pbft, which runs a cluster, a machine and the verbs under Node", async (t) => {
  await inFolder(async (folder) => {
    await packForNpm(`${folder}/edge.tgz`);
    await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
    await Deno.writeTextFile(`${folder}/counter.mjs`, COUNTER);
    const install = await new Deno.Command("npm", {
      args: ["install", "--no-audit", "--no-fund", "./edge.tgz"],
      cwd: folder,
      stdin: "null",
    }).output();
    assertEquals(install.success, true, new TextDecoder().decode(install.stderr));
    const program = [`${folder}/node_modules/.bin/pbft`];
    const run = (...args: string[]): Promise<Ran> => pbft(args, { cwd: folder, program });
    await t.step("version, help and errors", async () => {
      assertMatch((await run("version")).out, /^pbft \d+\.\d+\.\d+ \(node \d+/);
      assertEquals((await run("--help")).code, 0);
      assertMatch((await run("get", "a")).err, /^error: no cluster file: .*\n {2}looked in .*\n {2}next: /);
      assertEquals((await run("get")).code, 2);
    });
    await t.step("simulate", async () => {
      const { code, out } = await run("simulate", "counter.mjs", "--runs", "1", "--replicas", "4");
      assertEquals([code, out.split("\n").length], [0, 1], out);
    });
    const dev = await Dev.start(folder, ["counter.mjs", "--memory"], program);
    try {
      await t.step("dev, call, ask, check and repl", async () => {
        assertMatch(dev.out.all[0]!, /^counter\/1 on 4 replicas/);
        assertEquals((await run("call", "next")).out, "1");
        assertEquals((await run("ask", "count")).out, "1");
        assertMatch((await run("check")).out, /^HEALTHY|^DEGRADED/);
        assertEquals((await pbft(["repl"], { cwd: folder, program, input: "call next\nask count\n" })).out, "2\n2");
      });
    } finally {
      dev.interrupt();
      assertEquals(await dev.ended(), 0);
    }
  });
});
