import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { Client, parseClusterFile } from "../../src/client/mod.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { DeployProcess } from "./_deploy_process.ts";
import { holdsSecret } from "./_secrets.ts";
import { freePort } from "../tools/ports.ts";
import { inFolder } from "../tools/folder.ts";

/** A cluster of so many, all at URLs of this machine. */
function clusterOf(names: readonly string[], urlOf: (name: string) => string) {
  const keys = names.map(() => generateKeyPair());
  const replicas = names.map((name, i) => ({ name, publicKey: keys[i]!.publicKey }));
  const rest = { checkpointInterval: 16, logWindow: 64, stateMachine: "key-value/1", limits: DEFAULT_LIMITS };
  const urls = Object.fromEntries(names.map((name) => [name, urlOf(name)]));
  return { keys, cluster: parseClusterFile({ genesis: { name: "deploy", replicas, ...rest }, urls }) };
}

Deno.test("asked to stop under load, the process is gone within five seconds, and all that it has answered is there at the next start", () =>
  inFolder(async (folder) => {
    const port = freePort();
    const { cluster, keys: [key] } = clusterOf(["Apple"], () => `http://127.0.0.1:${port}`);
    const options = { cluster, name: "Apple", privateKey: key!.privateKey, folder };
    const first = await new DeployProcess(options).ready();
    const client = new Client({ cluster, timeoutMs: 60_000 });
    let answered = 0;
    let stopping = false;
    const enough = Promise.withResolvers<void>();
    const load = Array.from({ length: 8 }, async () => {
      while (!stopping) {
        answered = Math.max(answered, await client.invoke<number>("INCR n"));
        if (answered >= 40) enough.resolve();
      }
    });
    await enough.promise;
    const asked = performance.now();
    first.kill("SIGINT");
    assertEquals((await first.ended()).code, 0);
    // The platform kills a process 5 s after it has asked it to stop.
    assertLess(performance.now() - asked, 5_000);
    // Those who wait are answered by the next start, with their operations executed once.
    const second = await new DeployProcess(options).ready();
    stopping = true;
    await Promise.all(load);
    assertEquals(await client.invoke("GET n"), String(answered));
    assertGreaterOrEqual(answered, 40);
    client.close();
    second.kill("SIGTERM");
    assertEquals((await second.ended()).code, 0);
  }));

Deno.test("on a host whose timers don't run, the cron job does what is overdue", () =>
  inFolder(async (folder) => {
    let heard = 0;
    let onHeard = () => {};
    const peers = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      await request.arrayBuffer();
      heard++;
      onHeard();
      return new Response(null, { status: 202 });
    });
    const port = freePort();
    const urlOf = (name: string) => `http://127.0.0.1:${name === "Apple" ? port : `${peers.addr.port}/${name}`}`;
    const { cluster, keys: [key] } = clusterOf(["Apple", "Ball", "Candy", "Dog"], urlOf);
    const main = "tests/edge/_ticking_main.ts";
    const child = await new DeployProcess({ cluster, name: "Apple", privateKey: key!.privateKey, folder, main })
      .ready();
    try {
      while (heard < 3) await new Promise<void>((resolve) => onHeard = resolve);
      // The next status is due in a moment, but nothing wakes it: only a tick can.
      const before = heard;
      const deadline = AbortSignal.timeout(60_000);
      while (heard < before + 3 && !deadline.aborted) {
        child.kill("SIGUSR1");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assertGreater(heard, before + 2);
    } finally {
      child.kill("SIGKILL");
      await child.ended();
      await peers.shutdown();
    }
  }));

Deno.test("a variable that is wrong or missing ends the process with its name, and without a secret", () =>
  inFolder(async (folder) => {
    const { cluster, keys: [key, other] } = clusterOf(
      ["Apple", "Ball", "Candy", "Dog"],
      () => `http://127.0.0.1:${freePort()}`,
    );
    const options = { cluster, name: "Apple", privateKey: key!.privateKey, folder };
    const wrong: readonly [Readonly<Record<string, string>>, string][] = [
      [{ PBFT_PRIVATE_KEY: other!.privateKey }, "privateKey: expected the key of Apple"],
      [{ PBFT_PRIVATE_KEY: `${key!.privateKey}0` }, "PBFT_PRIVATE_KEY: expected 64"],
      [{ PBFT_PRIVATE_KEY: "" }, "PBFT_PRIVATE_KEY: expected a value"],
      [{ PBFT_REPLICA: "Elk" }, "PBFT_REPLICA: expected one of"],
      [{ PBFT_CLUSTER: "" }, "PBFT_CLUSTER: expected a value"],
      [{ PBFT_CLUSTER: key!.privateKey }, "PBFT_CLUSTER: cluster: expected a cluster file"],
      [{ PORT: "http" }, "PORT: expected a number"],
      [{ PBFT_CLIENTS: key!.privateKey.slice(1) }, "PBFT_CLIENTS: expected open"],
    ];
    for (const [env, why] of wrong) {
      const { code, printed } = await new DeployProcess({ ...options, env }).ended();
      assertEquals(code === 0, false);
      assertStringIncludes(printed, why);
      for (const { privateKey } of [key!, other!]) assertEquals(holdsSecret(printed, privateKey), null, why);
      assert(!printed.includes(key!.privateKey.slice(1)), why);
    }
  }));

Deno.test("a preview, which Deno Deploy starts without a key, boots and says that it is no replica", async () => {
  const port = freePort();
  const { cluster } = clusterOf(["Apple"], () => `http://127.0.0.1:${port}`);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--unstable-kv", "--unstable-cron", "examples/deno_deploy/main.ts"],
    env: { DENO_DEPLOY: "true", DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  const child = command.spawn();
  try {
    let answer: Response | null = null;
    for (let i = 0; i < 600 && !answer; i++) {
      answer = await fetch(`${cluster.urls.Apple}/readyz`).catch(() => null);
      if (!answer) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals([answer?.status, await answer?.text()], [503, "a preview without a key is no replica\n"]);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});

Deno.test("the program registers its cron job before it does anything else, as a replica and as a preview", async () => {
  const program = `
    const done = [];
    const note = (object, name, does) => Object.defineProperty(object, name, {
      // What modules of the runtime's own look up is not the program's.
      value: (...args) => (object === Deno.env && !/^(PBFT|PORT|DENO_DEPLOY)/.test(args[0]) || done.push(name), does(...args)),
    });
    for (const name of ["get", "has"]) note(Deno.env, name, Deno.env[name].bind(Deno.env));
    for (const name of ["openKv", "serve"]) note(Deno, name, () => { console.log(done.join()); Deno.exit(0); });
    note(Deno, "cron", () => Promise.resolve());
    await import(${JSON.stringify(new URL("../../examples/deno_deploy/main.ts", import.meta.url).href)});
  `;
  const { keys: [key], cluster } = clusterOf(["Apple"], () => "http://127.0.0.1:1");
  const variables = { PBFT_CLUSTER: JSON.stringify(cluster), PBFT_REPLICA: "0", PBFT_PRIVATE_KEY: key!.privateKey };
  for (const env of [{ DENO_DEPLOY: "true" }, { DENO_DEPLOY: "true", ...variables }]) {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--unstable-kv", "--unstable-cron", program],
      env: { NO_COLOR: "1", ...env },
      cwd: new URL("../..", import.meta.url).pathname,
    });
    const { stdout, stderr } = await command.output();
    assertEquals(new TextDecoder().decode(stdout).split(",")[0], "cron", new TextDecoder().decode(stderr));
  }
});
