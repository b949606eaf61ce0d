/** Files that are replaced as a whole, also by several processes at once. */
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { replaceFile, replaceFileInTurn } from "../../src/cli/files.ts";
import { isChainText, readChain } from "../../src/cli/members/chain_file.ts";
import { KeptChain } from "../../src/cli/members/kept_chain.ts";
import { readCluster } from "../../src/cli/find_cluster.ts";
import { writeApprovals, writeNewProposal } from "../../src/cli/members/proposal_file.ts";
import { main } from "../../src/cli/mod.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { chainFromVariables } from "../../src/runtime/identity/process_variables.ts";
import { firstEpoch, propose } from "../../src/wire/epochs/mod.ts";
import { toBase64 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf } from "../node/_epochs.ts";
import { linkOf, operationFor } from "../wire/_epochs.ts";
import { inFolder } from "../tools/folder.ts";

const first = firstEpoch(clusterFile, clusterId(clusterFile.genesis));
const link = await linkOf(first, await operationFor(first, { checkpointInterval: 16, logWindow: 64 }));
const pbft = (...args: string[]) => main([...args, "--quiet"], () => {});

Deno.test("a file is replaced as a whole or not at all, and keeps its mode", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/x.json`;
    assertEquals(replaceFile(path, () => "one"), true);
    await Deno.chmod(path, 0o600);
    assertEquals(replaceFile(path, () => "two"), true);
    assertEquals([await Deno.readTextFile(path), (await Deno.stat(path)).mode! & 0o777], ["two", 0o600]);
    assertThrows(
      () =>
        replaceFile(path, () => {
          throw new Error("ENOSPC");
        }),
      Error,
      "ENOSPC",
    );
    replaceFile(path, () => null);
    assertEquals([await Deno.readTextFile(path), [...Deno.readDirSync(folder)].length], ["two", 1]);
    // Another process is replacing it just now; one that was killed is in nobody's way after a while.
    await Deno.writeTextFile(`${path}.part`, "th");
    assertEquals(replaceFile(path, () => "three"), false);
    const waiting = replaceFileInTurn(path, () => "four");
    await Deno.remove(`${path}.part`);
    await waiting;
    assertEquals(await Deno.readTextFile(path), "four");
    await Deno.writeTextFile(`${path}.part`, "th");
    await Deno.utime(`${path}.part`, 0, 0);
    assertEquals(replaceFile(path, () => "five"), true);
    assertEquals(await Deno.readTextFile(path), "five");
    assertThrows(() => replaceFile(folder, () => "a folder"), Error);
    replaceFile("/dev/null", () => "nothing");
    assertEquals((await Deno.stat("/dev/null")).isFile, false);
  });
});

Deno.test("when two members sign one proposal at the same time, no signature is lost; a proposal that was replaced meanwhile is not signed", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/proposal.json`;
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(clusterFile));
    for (const name of FOUR) await Deno.writeTextFile(`${folder}/${name}`, keyOf(name).privateKey, { mode: 0o600 });
    const proposal = propose(first, { checkpointInterval: 16, logWindow: 64 });
    await writeNewProposal(path, proposal, []);
    await assertRejects(() => writeNewProposal(path, proposal, []), CliError, "exists already");
    const at = ["--cluster", `${folder}/cluster.json`];
    await Promise.all(FOUR.map((name) => pbft("members", "sign", path, "--key", `${folder}/${name}`, ...at)));
    assertEquals(Object.keys(JSON.parse(await Deno.readTextFile(path)).approvals).sort(), FOUR);
    const other = propose(first, { checkpointInterval: 32, logWindow: 64 });
    await assertRejects(() => writeApprovals(path, other, []), CliError, "another proposal is there by now");

    const file = `${folder}/cluster.json`;
    await Promise.all(FOUR.map((name) => pbft("init", "sign", file, "--key", `${folder}/${name}`)));
    assertEquals(Object.keys(JSON.parse(await Deno.readTextFile(file)).signatures).sort(), FOUR);
    const text = await Deno.readTextFile(file);
    const given = assertRejects(() => pbft("init", "sign", text, "--key", `${folder}/Apple`), CliError);
    assertEquals((await given).message, "sign: expected a cluster file on this machine, got PBFT_CLUSTER");
  });
});

Deno.test("the chain is a file or the JSON itself, for verbs and for programs", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/chain.json`;
    const links = [toBase64(link)];
    await Deno.writeTextFile(path, JSON.stringify({ after: 0, links }));
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(clusterFile));
    const found = await readCluster(folder);
    const forms = [path, ` ${JSON.stringify({ after: 0, links })}`, JSON.stringify(links)];
    for (const form of forms) {
      assertEquals(readChain(form), [link]);
      assertEquals((await KeptChain.openKnown(found, form)).present.number, 1);
      const variable = (name: string) => name === "PBFT_CHAIN" ? form : undefined;
      assertEquals(chainFromVariables(variable), { chain: [link] });
    }
    assertEquals(forms.map(isChainText), [false, true, true]);
    assertThrows(() => readChain('{"links":'), CliError, "--chain: expected the chain of epochs as JSON, got 9");
    assertThrows(() => readChain("[7]"), CliError, "--chain: links[0]: expected base64");
    const missing = (name: string) => name === "PBFT_CHAIN" ? `${folder}/none.json` : undefined;
    const { message } = assertThrows(() => chainFromVariables(missing), TypeError);
    assertMatch(message, /^PBFT_CHAIN: expected the chain as JSON, or a file with it, got \d+ characters: ENOENT$/);
    // What is given as JSON is not kept anywhere.
    const kept = await KeptChain.open(found, "[]");
    await kept.learn([link]);
    assertEquals([kept.present.number, [...Deno.readDirSync(folder)].length], [1, 2]);
  });
});
