/** What Deno Deploy may do at its worst: a new process for every single request, all of them on one database. */
import { firstLine } from "./_first_line.ts";

/** Of so many processes one is killed as soon as it has answered; the others are asked to stop. */
const KILLED_OF = 10;

export interface ColdProcessesOptions {
  /** The program as one file: it prints its URL, and stops at SIGINT. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
}

/** The platform, at one port. */
export class ColdProcesses {
  /** Processes that were started, each for one request. */
  starts = 0;
  /** Those that ended otherwise than they were told to, and what they printed. */
  readonly failures: string[] = [];
  readonly #options: ColdProcessesOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ending = new Set<Promise<void>>();

  constructor(options: ColdProcessesOptions) {
    this.#options = options;
    const { port } = options;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => this.#answer(request));
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const { method, headers } = request;
    const body = await request.arrayBuffer();
    const isKilled = ++this.starts % KILLED_OF === 0;
    const { program, env } = this.#options;
    const args = ["run", "-A", "--quiet", "--no-check", "--no-config", "--no-lock", "--unstable-kv", program];
    const child = new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    const errors = new Response(child.stderr).text();
    try {
      const url = await firstLine(child.stdout);
      const target = `${url}${pathname}${search}`;
      const response = await fetch(target, { method, headers, ...(method === "POST" && { body }) });
      const answer = await response.arrayBuffer();
      const hasBody = answer.byteLength > 0;
      return new Response(hasBody ? answer : null, { status: response.status, headers: response.headers });
    } finally {
      child.kill(isKilled ? "SIGKILL" : "SIGINT");
      const end = this.#end(child, errors, isKilled);
      this.#ending.add(end);
      void end.finally(() => this.#ending.delete(end));
    }
  }

  async #end(child: Deno.ChildProcess, errors: Promise<string>, isKilled: boolean): Promise<void> {
    const [{ code, signal }, printed] = await Promise.all([child.status, errors]);
    if (!isKilled && (code !== 0 || printed !== "")) this.failures.push(`${code} ${signal} ${printed}`);
  }

  /** Takes nothing more, and waits for the last process to end. */
  async close(): Promise<void> {
    await this.#server.shutdown();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }
}
