/** A replica that has no descriptors left. */
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { REPLICA } from "./_cluster_process.ts";
import { freePort } from "../tools/ports.ts";

const LIMIT = 128;

Deno.test({
  name: "hundreds of idle connections neither end a replica nor keep callers out for good",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const { privateKey, publicKey } = generateKeyPair();
    const rules = { checkpointInterval: 16, logWindow: 32, stateMachine: "key-value/1", limits: DEFAULT_LIMITS };
    const genesis = { name: "test", replicas: [{ name: "Apple", publicKey }], ...rules };
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify({ genesis, urls: { Apple: url } }));
    await Deno.writeTextFile(`${folder}/key`, privateKey, { mode: 0o600 });
    const args = [
      "--cluster",
      `${folder}/cluster.json`,
      "--name",
      "Apple",
      "--key",
      `${folder}/key`,
      "--memory",
      "--start",
      "new",
    ];
    const command = [Deno.execPath(), "run", "-A", "--quiet", REPLICA, ...args, "--until-eof"];
    const process = new Deno.Command("sh", {
      args: ["-c", `ulimit -n ${LIMIT}; exec "$@"`, "sh", ...command],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const output = new Response(process.stdout).text();
    try {
      await until(() => isReady(url));
      const held: Deno.TcpConn[] = [];
      for (let i = 0; i < 3 * LIMIT; i++) {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
        if (connection === null) continue; // refused while the port is bound again
        held.push(connection);
        // Some have said nothing, some the start of a request.
        if (i % 2 === 0) await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\n")).catch(() => {});
      }
      await until(() => isReady(url));
      for (const connection of held) connection.close();
    } finally {
      await process.stdin.close();
    }
    assertEquals((await process.status).code, 0);
    const log = await output;
    assert(log.includes("could not be accepted"), log);
    await Deno.remove(folder, { recursive: true });
  },
});

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await holds()) {
    assert(performance.now() < deadline, "expected it within a minute");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
