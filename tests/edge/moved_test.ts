/**
 * A cluster moves to other platforms: all members on Deno are replaced one after another, and then the keys of all change at
 * once, while two callers go on. The waits of both are printed.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { eventually } from "../e2e/_cluster_process.ts";
import { busy, byClient, byReq, withPauses } from "../e2e/_counting.ts";
import { type Invited, MemberProcesses } from "../e2e/_members.ts";
import { root } from "../tools/files.ts";
import { inFolder } from "../tools/folder.ts";
import { bundleForNode, bundleForWorkerd } from "./_bundle.ts";
import { bun, nodeOf } from "./_runtimes.ts";
import { startWorkerd } from "./_workerd.ts";

/** A member that waits until it is one, and its end. */
type Start = (member: Invited, join: string) => Promise<AsyncDisposable>;

/** The programs of the examples, on each platform. */
async function platforms(members: MemberProcesses): Promise<readonly (readonly [name: string, start: Start])[]> {
  const { folder, clusterFile } = members;
  const program = `${folder}/node.mjs`;
  await Deno.writeTextFile(program, await bundleForNode("examples/node/main.ts"));
  const script = await bundleForWorkerd("examples/cloudflare/worker.ts");
  const [node22, bun1] = [await nodeOf(22, 13), await bun()];
  const bindings = ({ name, keyFile }: Invited, join: string) => ({
    PBFT_CLUSTER: Deno.readTextFileSync(clusterFile),
    PBFT_REPLICA: name,
    PBFT_PRIVATE_KEY: Deno.readTextFileSync(keyFile),
    PBFT_START: "new",
    PBFT_JOIN: join,
    PBFT_LOG: "none",
  });
  const portOf = ({ url }: Invited) => new URL(url).port;
  const example = (command: string, { name, keyFile, url }: Invited, state: string, join: string) =>
    started(command, [program, clusterFile, name, keyFile, state, new URL(url).port], {
      PBFT_START: "new",
      PBFT_JOIN: join,
    });
  return [
    ["Eagle in a Durable Object", async (member, join) => {
      const [port, objects] = [Number(portOf(member)), `${folder}/objects-${member.publicKey}`];
      return await startWorkerd({
        script,
        className: "Replica",
        folder: objects,
        port,
        bindings: bindings(member, join),
      });
    }],
    ["Fig on Deno KV, as on Deno Deploy", (member, join) => {
      const args = ["run", "-A", "--quiet", "--unstable-kv", "--unstable-cron", `${root}examples/deno_deploy/main.ts`];
      const kv = { PBFT_KV: `${folder}/kv-${member.publicKey}`, PORT: portOf(member) };
      return Promise.resolve(started(Deno.execPath(), args, { ...bindings(member, join), ...kv }));
    }],
    ["Goat on Node, with SQLite", (member, join) => {
      return Promise.resolve(example(node22, member, member.stateFile, join));
    }],
    ["Hat on Bun, in memory", (member, join) => Promise.resolve(example(bun1, member, "memory", join))],
  ];
}

function started(command: string, args: string[], env: Record<string, string>): AsyncDisposable {
  const child = new Deno.Command(command, { args, env, stdin: "null", stdout: "null", stderr: "inherit" }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch { /* it is gone */ }
      await child.status;
    },
  };
}

/** Whether something answers there. */
async function isUp({ url }: Invited): Promise<boolean> {
  const response = await fetch(`${url}/status`).catch(() => null);
  await response?.body?.cancel();
  return response !== null;
}

Deno.test({
  name:
    "four members on Deno are replaced by a Durable Object, Deno KV, Node and Bun under load, then all keys change: no error, nothing lost or doubled",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    inFolder(async (folder) => {
      const members = new MemberProcesses(folder);
      const others: AsyncDisposable[] = [];
      try {
        await members.found(["Apple", "Ball", "Candy", "Dog"]);
        const callers = { library: byClient(members.cluster()), req: byReq(() => members.urls()) };
        const { library, req } = callers;
        const all = await platforms(members);
        await busy(callers);
        for (const [i, [what, start]] of all.entries()) {
          const [old, name] = [members.present[0]!, what.split(" ")[0]!];
          const invited = members.invite(name);
          others.push(await start(invited, members.urls()[1]!));
          await eventually(`${what} answers`, () => isUp(invited));
          const { publicKey, url } = invited;
          const present = [...members.present.slice(1), name];
          const change = ["--replace", `${old}:${name}=${publicKey}@${url}`];
          const text = await withPauses(
            `${old} is replaced by ${what}`,
            callers,
            () => members.change(change, present),
          );
          assertMatch(text, new RegExp(`^epoch ${i + 1} is in force, from number \\d+ on`));
          assertEquals(await members.running.get(old)!.ended(), 0);
          await busy(callers);
        }

        // Each new key has a process and a store of its own, on the same platform.
        const rotated = members.present.map((name) => members.invite(`${name}-2`, name));
        for (const [i, [what, start]] of all.entries()) {
          others.push(await start(rotated[i]!, members.urls()[i]!));
          await eventually(`${what} answers with its next key`, () => isUp(rotated[i]!));
        }
        const keys = rotated.flatMap(({ name, publicKey, url }) => [
          ...["--key", `${name}=${publicKey}`],
          ...["--url", `${name}=${url}`],
        ]);
        const ids = rotated.map(({ name }) => `${name}-2`);
        const text = await withPauses("the keys of all change at once", callers, () => members.change(keys, ids));
        assertMatch(text, /^epoch 5 is in force, from number \d+ on/);
        await Promise.all([library.stop(), req.stop()]);
        assertEquals([...library.errors, ...req.errors], []);

        // Who knows only the genesis, whose members are all gone, goes on with the chain.
        const { links } = await (await fetch(`${members.urls()[0]}/epochs`)).json();
        const chain = (links as string[]).map((link) => Uint8Array.from(atob(link), (char) => char.charCodeAt(0)));
        const reader = new Client({ cluster: members.cluster(), chain, timeoutMs: 120_000 });
        assertEquals(await reader.invoke("GET by-client"), String(library.count));
        assertEquals(await reader.invoke("GET by-req"), String(req.count));
        reader.close();
        await eventually("the states are equal", async () => {
          const statuses = await Promise.all(members.present.map((id) => members.status(id)));
          return new Set(
            statuses.map(({ history, lastExecuted, stateRoot }) => `${lastExecuted} ${history} ${stateRoot}`),
          ).size === 1;
        });
      } finally {
        await members.close();
        await Promise.all(others.map((one) => one[Symbol.asyncDispose]()));
      }
    }),
});
