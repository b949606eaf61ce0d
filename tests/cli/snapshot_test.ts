/** `pbft snapshot` against a cluster that `pbft dev` runs: saved, verified, restored into a member that lost its disk. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Client, parseClusterText } from "../../src/client/mod.ts";
import { eventually } from "../e2e/_cluster_process.ts";
import { inFolder } from "../tools/folder.ts";
import { Dev, pbft, type Ran } from "./_dev.ts";

/** Batches before the first checkpoint of a cluster that `dev` makes. */
const CHECKPOINT_INTERVAL = 64;

async function write(folder: string, batches: number, value: string): Promise<void> {
  const client = new Client({ cluster: parseClusterText(await Deno.readTextFile(`${folder}/.pbft/cluster.json`)) });
  try {
    for (let i = 0; i < batches; i++) await client.invoke({ op: "set", key: `key${i}`, value });
  } finally {
    client.close();
  }
}

Deno.test("a snapshot is saved from a running cluster, verified, and restored into a member that lost its disk", async () => {
  await inFolder(async (folder) => {
    const run = (...args: string[]): Promise<Ran> => pbft(args, { cwd: folder });
    let dev = await Dev.start(folder);
    try {
      const early = await run("snapshot", "save", "backups");
      assertEquals(early.code, 3);
      assertMatch(early.err, /^error: no member gave its state\n {2}Apple: .*no stable checkpoint yet/);
      await write(folder, CHECKPOINT_INTERVAL + 5, "first");
      let saved = await run("snapshot", "save", "backups", "--json");
      await eventually("the first checkpoint is stable", async () => {
        if (saved.code !== 0) saved = await run("snapshot", "save", "backups", "--json");
        return saved.code === 0;
      });
      const { sequence, root, blobs } = JSON.parse(saved.out);
      assertEquals(sequence, CHECKPOINT_INTERVAL);
      assert(blobs > 2);
      const again = JSON.parse((await run("snapshot", "save", "backups", "--from", "Ball", "--json")).out);
      assertEquals([again.root, again.blobs, again.from], [root, 0, "Ball"]);
      const verified = await run("snapshot", "verify", "backups");
      assertEquals(verified.code, 0);
      assertMatch(verified.out, /^the state at 64, of 20\S+Z, is complete: \d+ blobs, .*; signed by \w+, \w+, \w+$/);
      // A part that is lost: a page that is there counts as complete, so that only a save that repairs fetches it.
      const [shard] = [...Deno.readDirSync(`${folder}/backups/blobs`)];
      const [lost] = [...Deno.readDirSync(`${folder}/backups/blobs/${shard!.name}`)];
      await Deno.remove(`${folder}/backups/blobs/${shard!.name}/${lost!.name}`);
      const incomplete = await run("snapshot", "verify", "backups");
      assertEquals(incomplete.code, 1);
      assertStringIncludes(incomplete.err, "next: pbft snapshot save backups --repair fetches it again");
      const repaired = JSON.parse((await run("snapshot", "save", "backups", "--repair", "--json")).out);
      assertEquals([repaired.sequence, repaired.blobs], [sequence, 1]);
      assertEquals((await run("snapshot", "verify", "backups")).code, 0);
      const pruned = await run("snapshot", "prune", "backups", "--keep", "1");
      assertEquals(pruned.out, "removed 0 snapshots and 0 blobs");
      const full = await run("snapshot", "restore", "backups", "--name", "Dog", "--state", ".pbft/Dog/state.db");
      assertEquals([full.code, full.err.split("\n")[0]], [2, "error: .pbft/Dog/state.db: exists already"]);
    } finally {
      dev.interrupt();
      await dev.ended();
    }
    for (const suffix of ["", "-wal", "-shm"]) {
      await Deno.remove(`${folder}/.pbft/Dog/state.db${suffix}`).catch(() => {});
    }
    const restored = await run("snapshot", "restore", "backups", "--name", "Dog", "--state", ".pbft/Dog/state.db");
    assertEquals(restored.code, 0, restored.err);
    assertMatch(restored.out, /^\.pbft\/Dog\/state\.db has the state at 64, .*: start Dog as usual/);
    dev = await Dev.start(folder);
    try {
      await write(folder, 2 * CHECKPOINT_INTERVAL, "second");
      await eventually("Dog has recovered", async () => {
        const { code, out } = await run("check", "--json");
        return code === 0 && JSON.parse(out).verdict === "healthy";
      });
    } finally {
      dev.interrupt();
      await dev.ended();
    }
    const [blob] = [...Deno.readDirSync(`${folder}/backups/blobs`)];
    const [file] = [...Deno.readDirSync(`${folder}/backups/blobs/${blob!.name}`)];
    await Deno.writeTextFile(`${folder}/backups/blobs/${blob!.name}/${file!.name}`, "rotten");
    const rotten = await run("snapshot", "verify", "backups");
    assertEquals(rotten.code, 1);
    assertStringIncludes(rotten.err, `blob ${file!.name}: expected bytes with that digest`);
    assertEquals((await run("snapshot", "burn", "backups")).code, 2);
    assertEquals((await run("snapshot", "verify", "nowhere")).code, 1);
    assertEquals((await run("snapshot", "restore", "backups", "--name", "Eve", "--state", "x.db")).code, 2);
  });
});
