/** The program that runs on Deno Deploy, as a process with a Deno KV file. */
import { root } from "../tools/files.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";

export interface DeployOptions {
  readonly cluster: ClusterFile;
  readonly name: string;
  readonly privateKey: string;
  readonly folder: string;
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class DeployProcess {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;
  readonly #status: { code: number | null } = { code: null };

  constructor({ cluster, name, privateKey, folder, main = "examples/deno_deploy/main.ts", env }: DeployOptions) {
    this.url = cluster.urls[name]!;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-lock", "--unstable-kv", "--unstable-cron", new URL(main, root).pathname],
      env: {
        PBFT_CLUSTER: JSON.stringify(cluster),
        PBFT_REPLICA: name,
        PBFT_PRIVATE_KEY: privateKey,
        PBFT_KV: `${folder}/kv`,
        PBFT_START: "new",
        PORT: new URL(this.url).port,
        NO_COLOR: "1",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = this.#child.output();
    this.#output.then(({ code }) => this.#status.code = code);
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Its exit code and all that it printed, once it is over. */
  async ended(): Promise<{ readonly code: number; readonly printed: string }> {
    const { code, stdout, stderr } = await this.#output;
    return { code, printed: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
  }

  async ready(): Promise<this> {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (this.#status.code !== null) throw new Error((await this.ended()).printed);
      const ok = await fetch(`${this.url}/healthz`).then(
        async (answer) => (await answer.text(), answer.ok),
        () => false,
      );
      if (ok) return this;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${this.url} is not ready`);
  }
}
