/**
 * A software upgrade on real processes: the last release and this one run in one cluster, two members of each for a while,
 * under load. The last release is built from its commit, so the repository's history must be there.
 */
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { root } from "../tools/files.ts";
import { busy as bothGoOn, byClient, byReq } from "./_counting.ts";
import { eventually } from "./_cluster_process.ts";
import { MemberProcesses } from "./_members.ts";

/** The build that counts as the last release until one is tagged. A change of the wire format names the first build after it. */
const NAMED = "e1a7eb7edb10a12c318eb3198db39c8bef6cdef0";

async function git(...args: string[]): Promise<string | null> {
  try {
    const command = new Deno.Command("git", { args, cwd: root, stdin: "null", stdout: "piped", stderr: "null" });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch {
    return null; // there is no git
  }
}

/** The commit of the last release: the last tag before this commit, or the named one; `null` if it is not there. */
async function lastRelease(): Promise<string | null> {
  const tag = await git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^");
  return await git("rev-parse", "--verify", "--quiet", `${tag ?? NAMED}^{commit}`);
}

/** Writes the sources of a commit into a folder. */
async function unpack(commit: string, folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const archive = `${folder}.tar`;
  assert(
    await git("archive", "--output", archive, commit, "src", "mod.ts", "deno.json", "deno.lock", "tests/std") !== null,
  );
  const { success } = await new Deno.Command("tar", { args: ["-xf", archive, "-C", folder] }).output();
  assert(success, "tar");
}

const release = await lastRelease();
const skipped = release === null
  ? " (SKIPPED: the last release is not in this clone; git fetch --unshallow --tags brings it)"
  : "";
// A reader of a long report sees what was not tried.
if (skipped) console.error(`upgrade_test.ts${skipped}`);

Deno.test({
  name:
    `the last release and this one run in one cluster: members are upgraded one after another under load, and stores open forward${skipped}`,
  ignore: release === null,
  fn: () =>
    inFolder(async (folder) => {
      await unpack(release!, `${folder}/release`);
      const members = new MemberProcesses(folder);
      const names = ["Apple", "Ball", "Candy", "Dog"];
      try {
        members.program = `${folder}/release/src/cli/mod.ts`;
        await members.found(names);
        members.program = undefined;
        const library = byClient(members.cluster());
        const req = byReq(() => members.urls());
        const busy = () => bothGoOn({ library, req }, () => members.about(), 10);
        await busy();
        for (const name of names) {
          await members.restart(name);
          // The next one only when this one takes part. After the second there are two of each.
          await eventually(`${name} takes part`, async () => (await members.status(name)).ready === true);
          await busy();
        }
        await Promise.all([library.stop(), req.stop()]);
        assertEquals([...library.errors, ...req.errors], []);
        const reader = new Client({ cluster: members.cluster() });
        assertEquals(await reader.invoke("GET by-client"), String(library.count));
        assertEquals(await reader.invoke("GET by-req"), String(req.count));
        reader.close();
        await eventually("the states are equal", async () => {
          const all = await Promise.all(names.map((name) => members.status(name)));
          return new Set(all.map(({ history, stateRoot }) => `${history} ${stateRoot}`)).size === 1;
        });
      } finally {
        await members.close();
      }
    }),
});
