/** Members that are served in this process, and `pbft` in it. */
import { assertRejects } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { main } from "../../src/cli/mod.ts";
import { serve } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, OTHERS } from "../node/_epochs.ts";
import { inFolder } from "../tools/folder.ts";
import { freePorts } from "../tools/ports.ts";

/** What `pbft` prints, and its exit code. */
export async function printed(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  const lines: string[] = [];
  const code = await main([...args, "--quiet"], (line) => lines.push(line));
  return { code, text: lines.join("\n") };
}

/** The same as JSON. */
export const json = async (...args: string[]) => JSON.parse((await printed(...args, "--json")).text);

/** The error of a call, its exit code, and what it says further. */
export async function refused(...args: string[]): Promise<string> {
  const error = await assertRejects(() => printed(...args), CliError);
  return [`${error.exitCode} ${error.message}`, error.lines.looked, error.lines.next].filter(Boolean).join("\n");
}

/** Serves members by the genesis, and those who wait to become members. */
export async function served(
  names: readonly string[],
  work: (folder: string, urls: Record<string, string>, replicas: readonly ServedReplica[]) => Promise<void>,
): Promise<void> {
  const ports = freePorts(names.length);
  const urls = Object.fromEntries(names.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]));
  const cluster: ClusterFile = {
    genesis: clusterFile.genesis,
    urls: Object.fromEntries(FOUR.map((name) => [name, urls[name]!])),
  };
  const replicas: ServedReplica[] = [];
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify(cluster));
    for (const name of [...FOUR, ...OTHERS]) {
      await Deno.writeTextFile(`${folder}/${name}.key`, keyOf(name).privateKey, { mode: 0o600 });
    }
    try {
      for (const [i, name] of names.entries()) {
        const { privateKey } = keyOf(name);
        const options = { cluster, self: name, privateKey, store: new MemoryStore(), chain: [] };
        replicas.push(await serve({ ...options, start: "new", hostname: "127.0.0.1", port: ports[i]! }));
      }
      await work(folder, urls, replicas);
    } finally {
      await Promise.all(replicas.map((replica) => replica.close()));
    }
  });
}
