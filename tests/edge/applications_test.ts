/** The entries of the applications on the platforms: as a process with Deno KV, and in workerd. */
import { assertEquals } from "@std/assert";
import { flags } from "../../examples/flags/machine.ts";
import { locks } from "../../examples/locks/machine.ts";
import { releases } from "../../examples/releases/machine.ts";
import { Client, createClient } from "../../src/client/mod.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { freePort } from "../tools/ports.ts";
import { bundleForWorkerd } from "./_bundle.ts";
import { DeployProcess } from "./_deploy_process.ts";
import { startWorkerd } from "./_workerd.ts";

const APPLICATIONS = { locks: locks.version, releases: releases.version, flags: flags.version };

function clusterOfOne(stateMachine: string, port: number) {
  const { privateKey, publicKey } = generateKeyPair();
  const rules = { checkpointInterval: 16, logWindow: 64, stateMachine, limits: DEFAULT_LIMITS };
  const genesis = { name: "application", replicas: [{ name: "Apple", publicKey }], ...rules };
  const cluster: ClusterFile = { genesis, urls: { Apple: `http://127.0.0.1:${port}` } };
  return { cluster, privateKey };
}

Deno.test("a member on Deno Deploy runs the application's machine", () =>
  inFolder(async (folder) => {
    const { cluster, privateKey } = clusterOfOne(locks.version, freePort());
    const main = "examples/locks/deno_deploy.ts";
    const member = await new DeployProcess({ cluster, name: "Apple", privateKey, folder, main }).ready();
    const client = createClient(locks, { cluster });
    assertEquals((await client.acquire({ lock: "a", as: "1", leaseMs: 1_000 })).granted, true);
    client.close();
    member.kill("SIGTERM");
    assertEquals((await member.ended()).code, 0);
  }));

for (const [name, version] of Object.entries(APPLICATIONS)) {
  Deno.test({
    name: `a Durable Object runs ${version}`,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      inFolder(async (folder) => {
        const port = freePort();
        const { cluster, privateKey } = clusterOfOne(version, port);
        const script = await bundleForWorkerd(`examples/${name}/worker.ts`);
        const bindings = {
          PBFT_CLUSTER: JSON.stringify(cluster),
          PBFT_REPLICA: "Apple",
          PBFT_PRIVATE_KEY: privateKey,
          PBFT_START: "new",
        };
        await using _ = await startWorkerd({ script, className: "Replica", bindings, folder, port });
        const client = new Client({ cluster });
        // A machine answers what is no call of it in words of its own.
        const answer = await client.invoke({ op: "nothing" }).catch((error) => error.message);
        assertEquals(answer, '{"error":"unknown","detail":{"name":"nothing"}}');
        client.close();
      }),
  });
}
