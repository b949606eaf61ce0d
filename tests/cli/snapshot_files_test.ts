/** `pbft snapshot` and `init --from` with files that are wrong, in the way, or do not fit: what is said, and what is left. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FOUR } from "../node/_epochs.ts";
import { exists } from "../e2e/_members.ts";
import { fileURLToPath } from "node:url";
import { printed, refused, served } from "./_served.ts";

const CLI = fileURLToPath(new URL("../../src/cli/mod.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const init = (...args: string[]) => ["init", ...FOUR.map((name, i) => `${name}=http://127.0.0.1:${i + 1}`), ...args];

Deno.test("what is wrong with a folder, a manifest or a disk is said of it, and nothing is left behind", async () => {
  await served(FOUR, async (folder) => {
    const file = `${folder}/cluster.json`;
    const at = ["--cluster", file];
    const backups = `${folder}/backups`;
    for (let i = 0; i < 20; i++) await printed("set", `key${i}`, "v".repeat(4_000), ...at);
    assertEquals((await printed("snapshot", "save", backups, ...at)).code, 0);
    const restore = (state: string) => ["snapshot", "restore", backups, "--name", "Dog", "--state", state, ...at];

    // A file where a folder is expected, and a folder that is not there.
    const noFolder = /^2 .*cluster\.json: Not a directory/;
    for (const action of [["save"], ["verify"], ["prune", "--keep", "1"], ["audit"]]) {
      const [verb, ...more] = action;
      assertMatch(await refused("snapshot", verb!, file, ...more, ...at), noFolder, verb);
    }
    assertMatch(await refused(...init("--from", file, "--folder", `${folder}/new`)), noFolder);
    assertMatch(
      await refused(...restore(`${folder}/no/dog.db`)),
      /^2 --state: cannot open the store .*folder must exist/,
    );

    // What a person, or a system, has put there.
    await Deno.writeTextFile(`${backups}/snapshots/notes.json`, "hello");
    await Deno.mkdir(`${backups}/snapshots/lost+found`);
    await Deno.writeTextFile(`${backups}/blobs/.DS_Store`, "x");
    assertEquals((await printed("snapshot", "verify", backups, ...at)).code, 0);
    assertMatch((await printed("snapshot", "prune", backups, "--keep", "1")).text, /removed 0 snapshots and 0 blobs/);
    assertEquals([exists(`${backups}/snapshots/notes.json`), exists(`${backups}/blobs/.DS_Store`)], [true, true]);

    // A manifest that is wrong is named; no member is blamed for it.
    const name = [...Deno.readDirSync(`${backups}/snapshots`)].find(({ name }) => name.startsWith("0"))!.name;
    const path = `${backups}/snapshots/${name}`;
    const text = await Deno.readTextFile(path);
    for (const bad of [text.slice(0, 99), "", "null", "[]", text.replace('"format": 1', '"format": 9')]) {
      await Deno.writeTextFile(path, bad);
      for (
        const verb of [
          ["snapshot", "verify", backups, ...at],
          ["snapshot", "save", backups, ...at],
          ["snapshot", "prune", backups, "--keep", "1"],
          restore(`${folder}/dog.db`),
          init("--from", backups, "--folder", `${folder}/new`),
        ]
      ) {
        assertMatch(
          await refused(...verb),
          /^1 snapshots\/\d{16}-[0-9a-f]{64}\.json: (manifest|format): /,
          verb.join(" "),
        );
      }
    }
    await Deno.writeTextFile(path, text);
    assert(!exists(`${folder}/dog.db`) && !exists(`${folder}/new`));

    // A disk that is full, here a limit of the size of files: nothing is in the way of the next attempt.
    const command = new Deno.Command("bash", {
      args: [
        "-c",
        `trap '' XFSZ; ulimit -f 24; exec "$0" run -A --no-lock --config "${CONFIG}" "${CLI}" "$@"`,
        Deno.execPath(),
        ...restore(`${folder}/dog.db`),
      ],
      stdin: "null",
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    });
    const { code, stderr } = await command.output();
    assertMatch(new TextDecoder().decode(stderr), /^error: --state: .*\n {2}next: no state file was left\n$/);
    assertEquals([code, exists(`${folder}/dog.db`), exists(`${folder}/dog.db-wal`)], [2, false, false]);
    // What a restore leaves that is killed: no state file, and nothing in the way of the next one.
    const partial = ["", "-wal", "-shm"].map((suffix) => `${folder}/dog.db.partial${suffix}`);
    for (const part of partial) await Deno.writeTextFile(part, "the first half");
    assertEquals((await printed(...restore(`${folder}/dog.db`))).code, 0);
    assertEquals([`${folder}/dog.db`, ...partial].map(exists), [true, false, false, false]);
    assertMatch(await refused(...restore(`${folder}/dog.db`)), /^2 .*dog\.db: exists already[^]*needs no restore/);
  });
});
