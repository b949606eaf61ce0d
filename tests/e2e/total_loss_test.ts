/** The procedures of docs/operate.md for lost disks, in a cluster that has changed its rules: restore one, restore all. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { main } from "../../src/cli/mod.ts";
import { Client, ProofError, type Receipt, verifyReceipt } from "../../src/client/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { eventually } from "./_cluster_process.ts";
import { call, MemberProcesses } from "./_members.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];
const json = async (...args: string[]) => JSON.parse(await call(...args, "--json"));

/** Power off, and the disk is gone. */
async function lose(members: MemberProcesses, names: readonly string[]): Promise<void> {
  for (const name of names) members.running.get(name)!.kill("SIGKILL");
  await Promise.all(names.map((name) => members.running.get(name)!.ended()));
  for (const name of names) {
    for (const suffix of ["", "-wal", "-shm"]) {
      await Deno.remove(members.invited.get(name)!.stateFile + suffix).catch(() => {});
    }
  }
}

/** A receipt of an operation, and the chain that it needs. */
async function receiptOf(members: MemberProcesses): Promise<{ receipt: Receipt; chain: readonly Uint8Array[] }> {
  const client = new Client({ cluster: members.cluster() });
  try {
    const { receipt } = await client.submit("SET receipt 1");
    return { receipt, chain: client.chain };
  } finally {
    client.close();
  }
}

async function verdict(clusterFile: string): Promise<string> {
  const lines: string[] = [];
  await main(["check", clusterFile, "--json", "--quiet"], (line) => lines.push(line));
  return JSON.parse(lines.join("")).verdict;
}

Deno.test("a member, and then all members of epoch 1, lose their disks: a snapshot brings them back, by one command each", async () => {
  await inFolder(async (folder) => {
    const members = new MemberProcesses(folder);
    const again = new MemberProcesses(`${folder}/again`);
    const backups = `${folder}/backups`;
    try {
      await members.found(NAMES);
      const at = ["--cluster", members.clusterFile];
      await members.change(["--limit", "maxSessions=2048"], NAMES);
      const { sequence: written } = await json("set", "x", "precious", ...at);
      let saved = { sequence: 0, epoch: 0 };
      await eventually("a snapshot has the value", async () => {
        await call("incr", "n", ...at);
        saved = await json("snapshot", "save", backups, ...at);
        return saved.sequence >= written;
      });
      assertEquals(saved.epoch, 1);

      // Restore one.
      await lose(members, ["Dog"]);
      const { stateFile } = members.invited.get("Dog")!;
      assertMatch(await call("snapshot", "verify", backups, ...at), /^the state at \d+ in epoch 1, .* is complete/);
      await call("snapshot", "restore", backups, "--name", "Dog", "--state", stateFile, ...at);
      await members.start("Dog");
      await eventually("Dog votes", async () => await verdict(members.clusterFile) === "healthy");

      // Restore all.
      const before = await receiptOf(members);
      saved = await json("snapshot", "save", backups, ...at);
      const n = Number(await call("get", "n", ...at));
      await lose(members, NAMES);
      await Deno.mkdir(again.folder);
      const told = NAMES.map((name) => {
        const { url, publicKey } = members.invited.get(name)!;
        again.invited.set(name, members.invited.get(name)!);
        return `${name}=${url},${publicKey}`;
      });
      const text = await call("init", ...told, "--folder", `${folder}/init`, "--from", backups, ...at);
      assertMatch(
        text,
        new RegExp(`\nthe cluster begins with the state at ${saved.sequence}, of .* of cluster [0-9a-f]{64}\n`),
      );
      await Deno.rename(`${folder}/init/cluster.json`, again.clusterFile);
      const { genesis } = again.cluster();
      assertEquals([genesis.limits.maxSessions, genesis.origin!.sequence as number], [2048, saved.sequence]);
      again.present = NAMES;
      await Promise.all(NAMES.map((name) => again.start(name, "--origin", backups)));
      const now = ["--cluster", again.clusterFile];
      assertEquals(await call("get", "x", ...now), "precious");
      const counted = Number(await call("get", "n", ...now));
      assertEquals(counted <= n, true);
      const { sequence, result } = await json("incr", "n", ...now);
      assertEquals([sequence > saved.sequence, Number(result)], [true, counted + 1]);
      // A receipt of one of the two clusters is none of the other.
      const after = await receiptOf(again);
      await verifyReceipt(members.cluster(), before.receipt, before.chain);
      await verifyReceipt(again.cluster(), after.receipt);
      await assertRejects(() => verifyReceipt(again.cluster(), before.receipt), ProofError);
      await assertRejects(() => verifyReceipt(members.cluster(), after.receipt, before.chain), ProofError);
      await eventually("all vote", async () => await verdict(again.clusterFile) === "healthy");
      assertMatch(
        await call("check", again.clusterFile),
        /\nthe cluster began with the state at \d+ of cluster [0-9a-f]{16}/,
      );

      // From then on a start is as any other; the option is not read.
      again.running.get("Dog")!.kill("SIGTERM");
      assertEquals(await again.running.get("Dog")!.ended(), 0);
      await again.start("Dog", "--origin", backups);
      await eventually("Dog votes again", async () => await verdict(again.clusterFile) === "healthy");
      // Who has the cluster file of old is told that this is another cluster.
      const error = await assertRejects(() => call("get", "x", "--timeout", "2s", ...at), CliError);
      assertMatch(error.message, /is of another cluster than the replicas at its addresses/);
    } finally {
      await members.close();
      await again.close();
    }
  });
});
