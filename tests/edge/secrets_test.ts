import { assertEquals, assertStringIncludes } from "@std/assert";
import { main as cli } from "../../src/cli/mod.ts";
import { Client, parseClusterFile } from "../../src/client/mod.ts";
import { root } from "../tools/files.ts";
import { DeployProcess } from "./_deploy_process.ts";
import { holdsSecret } from "./_secrets.ts";
import { freePort } from "../tools/ports.ts";
import { inFolder } from "../tools/folder.ts";

const ROUTES = ["/req", "/preprepare", "/prepare", "/commit", "/reply", "/messages", "/requests", "/queries"];
const PAGES = ["/status", "/status?pretty", "/evidence", "/healthz", "/readyz", "/metrics", "/nowhere"];

/** Everything that a replica says to anybody: each route, well and badly asked, and the first of its events. */
async function allAnswers(url: string): Promise<string> {
  const texts: string[] = [];
  const ask = async (path: string, init?: RequestInit) => {
    // What is to be ordered is not: the others are deaf. All else is answered, however slow the machine is.
    const signal = AbortSignal.timeout(init ? 1_000 : 60_000);
    const answer = await fetch(`${url}${path}`, { ...init, signal }).catch(() => null);
    if (!answer) return;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const raw = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    texts.push(JSON.stringify([...answer.headers]), raw, new TextDecoder().decode(bytes));
  };
  for (const path of PAGES) await ask(path);
  for (const path of ROUTES) {
    await ask(path);
    for (const type of ["application/json", "application/cbor"]) {
      for (const body of ["", "{}", "\u0083\u0000\u0041", `{"clientID":"ada","operation":"GET n"}`]) {
        await ask(path, { method: "POST", headers: { "content-type": type }, body });
      }
    }
  }
  const events = await fetch(`${url}/events`);
  const reader = events.body!.getReader();
  await ask("/req", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"clientID":"ada","operation":"INCR n"}`,
  });
  const { value } = await reader.read();
  texts.push(new TextDecoder().decode(value));
  await reader.cancel();
  return texts.join("\n");
}

Deno.test("a key is found in whatever form it slips out", () => {
  const seed = "00ff".repeat(16);
  const bytes = Uint8Array.from(seed.match(/../g)!, (pair) => parseInt(pair, 16));
  const forms = [
    seed,
    seed.toUpperCase(),
    btoa(String.fromCharCode(...bytes)),
    `[${bytes}]`,
    String.fromCharCode(...bytes),
  ];
  for (const form of [...forms, `x${seed.slice(0, 40)}`]) {
    assertEquals(typeof holdsSecret(`a ${form} b`, seed), "string");
  }
  assertEquals(holdsSecret("nothing", seed), null);
});

for (const kind of ["a file and SQLite", "variables and Deno KV"] as const) {
  Deno.test(`a replica with its key in ${kind} tells it to nobody: on no route, in no log, in no message`, () =>
    inFolder(async (folder) => {
      const sent: string[] = [];
      const { promise: spoke, resolve: speaks } = Promise.withResolvers<void>();
      const peers = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
        const bytes = new Uint8Array(await request.arrayBuffer());
        sent.push(
          JSON.stringify([...request.headers]),
          Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""),
        );
        speaks();
        return new Response(null, { status: 202 });
      });
      await cli(["init", ...names(freePort(), peers.addr.port), "--folder", `${folder}/pbft`], () => {});
      const cluster = parseClusterFile(JSON.parse(await Deno.readTextFile(`${folder}/pbft/cluster.json`)));
      const keyOf = (name: string) => Deno.readTextFileSync(`${folder}/pbft/${name}/key`).trim();
      const files = [
        "--cluster",
        `${folder}/pbft/cluster.json`,
        "--key",
        `${folder}/pbft/Apple/key`,
        "--state",
        `${folder}/db`,
        "--start",
        "new",
      ];
      const args = [
        "run",
        "-A",
        "--quiet",
        new URL("src/cli/commands/replica.ts", root).pathname,
        "--name",
        "Apple",
        ...files,
      ];
      const env = { NO_COLOR: "1" };
      const own = () =>
        new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "piped", stderr: "piped" });
      const child = kind === "a file and SQLite"
        ? new Started(own().spawn(), cluster.urls.Apple!)
        : new DeployProcess({ cluster, name: "Apple", privateKey: keyOf("Apple"), folder });
      await child.ready();
      const client = new Client({ cluster, timeoutMs: 200 });
      await client.invoke("INCR n").catch(() => {});
      client.close();
      await spoke;
      const said = await allAnswers(cluster.urls.Apple!);
      child.kill("SIGINT");
      const { printed } = await child.ended();
      await peers.shutdown();
      assertStringIncludes(said, "clusterName");
      assertEquals(sent.length > 0, true);
      for (const [what, text] of Object.entries({ said, printed, sent: sent.join("\n") })) {
        assertEquals(holdsSecret(text, keyOf("Apple")), null, what);
      }
      const state = kind === "a file and SQLite" ? ["db", "db-wal"] : ["kv"];
      for (const file of state) {
        const bytes = await Deno.readFile(`${folder}/${file}`).catch(() => new Uint8Array());
        assertEquals(holdsSecret(new TextDecoder("latin1").decode(bytes), keyOf("Apple")), null, file);
      }
    }));
}

/** Four members; all but Apple at one port. */
function names(port: number, peersPort: number): readonly string[] {
  const others = ["Ball", "Candy", "Dog"].map((name) => `${name}=http://127.0.0.1:${peersPort}/${name}`);
  return [`Apple=http://127.0.0.1:${port}`, ...others];
}

/** Any process of ours that serves. */
class Started {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;
  readonly #url: string;

  constructor(child: Deno.ChildProcess, url: string) {
    this.#child = child;
    this.#output = child.output();
    this.#url = url;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<{ readonly printed: string }> {
    const { stdout, stderr } = await this.#output;
    return { printed: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
  }

  async ready(): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (await fetch(`${this.#url}/healthz`).then(async (a) => (await a.text(), a.ok), () => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${this.#url} is not ready`);
  }
}
