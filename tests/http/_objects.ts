/**
 * Members in Durable Objects, in virtual time: each sends by `FetchTransport` over a pool of connections, to a platform that is as strict
 * as Cloudflare: it refuses the seventh connection that is open at a time, and the 51st request of one turn.
 */
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { ConnectionPool } from "../../src/http/connections/pool.ts";
import { FetchTransport } from "../../src/http/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import { EDGE_SETTINGS } from "../../src/runtime/host/edge_settings.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { DURABLE_OBJECT_LIMITS } from "../../src/stores/platform_limits.ts";
import { StandInCryptography } from "../../src/testing/world/cryptography.ts";
import { decodeBundle, utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../node/_manual_timer.ts";

/** How a member answers. `hang`: never. `drip`: at once, with a body of one byte a second. `late`: after 450 ms. `lost`: its name can't be resolved. */
export type Conduct = "well" | "hang" | "drip" | "late" | "503" | "lost";

export interface ObjectsOptions {
  readonly n: number;
  /** Without a pool: as it is where nothing bounds connections. */
  readonly isBounded?: boolean;
  readonly checkpointInterval?: number;
  /** Members that do not run at first. */
  readonly away?: readonly number[];
}

/** What the platform counts of one object. */
export class Platform {
  open = 0;
  requests = 0;
  turns = 0;
  mostOpen = 0;
  mostRequests = 0;
  alarms = 0;
  refused = 0;
  aborted = 0;
  all = 0;

  turn(): void {
    this.turns++;
    this.requests = 0;
  }

  /** Opens a connection; returns what closes it. */
  connect(): () => void {
    this.all++;
    this.open++;
    this.requests++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    this.mostRequests = Math.max(this.mostRequests, this.requests);
    let isOpen = true;
    const close = () => {
      if (isOpen) this.open--;
      isOpen = false;
    };
    if (this.open <= DURABLE_OBJECT_LIMITS.maxConnections && this.requests <= DURABLE_OBJECT_LIMITS.maxSubrequests) {
      return close;
    }
    this.refused++;
    close();
    throw new Error("the platform's limit is exceeded");
  }
}

const ONE_WAY_MS = 25;
/** As ObjectTimer waits for a turn. */
const NEXT_TURN_MS = 250;

export class Objects {
  readonly timer = new ManualTimer();
  readonly platforms: readonly Platform[];
  readonly conduct: Conduct[];
  readonly nodes = new Map<number, ReplicaNode>();
  readonly genesis: Genesis;
  readonly #crypto = new StandInCryptography();
  readonly #options: ObjectsOptions;
  readonly #beginTurn = new Map<number, () => void>();
  #timestamp = 0;

  private constructor(options: ObjectsOptions) {
    const { n, checkpointInterval = 16 } = options;
    this.#options = options;
    this.platforms = Array.from({ length: n }, () => new Platform());
    this.conduct = Array.from({ length: n }, () => "well" as const);
    this.genesis = {
      name: "objects",
      replicas: this.platforms.map((_, i) => ({ name: `R${i}`, publicKey: this.#crypto.keyPair(`R${i}`).publicKey })),
      checkpointInterval,
      logWindow: 4 * checkpointInterval,
      stateMachine: "key-value/1",
      limits: DEFAULT_LIMITS,
    };
  }

  static async open(options: ObjectsOptions): Promise<Objects> {
    const objects = new Objects(options);
    for (let i = 0; i < options.n; i++) if (!options.away?.includes(i)) await objects.start(i);
    await objects.timer.advance(1_000);
    return objects;
  }

  async start(i: number): Promise<void> {
    const { timer, genesis } = this;
    const platform = this.platforms[i]!;
    const urls = Object.fromEntries(genesis.replicas.map(({ name }, id) => [name, `http://${id}.test/`]));
    let wanted: (() => void) | null = null;
    const pool = new ConnectionPool({
      timer,
      maxConnections: DURABLE_OBJECT_LIMITS.maxConnections,
      maxRequestsPerTurn: DURABLE_OBJECT_LIMITS.maxSubrequests,
      onTurnUsed: () => {
        wanted ??= timer.schedule(timer.now() + NEXT_TURN_MS, () => {
          platform.alarms++;
          beginTurn();
        });
      },
    });
    const beginTurn = () => {
      wanted?.();
      wanted = null;
      platform.turn();
      pool.beginTurn();
    };
    this.#beginTurn.set(i, beginTurn);
    const connections = pool.to(genesis.replicas.length);
    const node = await ReplicaNode.open({
      self: i as ReplicaId,
      genesis,
      store: new MemoryStore(),
      transport: new FetchTransport({
        clusterFile: { genesis, urls },
        cluster: "00".repeat(32) as never,
        fetch: (url, init) => this.#fetch(i, String(url), init!),
        ...(this.#options.isBounded !== false && { connections }),
      }),
      timer,
      privateKey: this.#crypto.keyPair(`R${i}`).privateKey,
      crypto: this.#crypto,
      stateMachine: () => new KeyValue(),
      settings: EDGE_SETTINGS,
      persistInputs: true,
      start: "new",
      seed: i,
    });
    this.nodes.set(i, node);
  }

  /** Asks a member, as a client of `/req` does; resolves with the virtual time that it took, ms. */
  async ask(i: number, operation: string): Promise<number> {
    const begun = this.timer.now();
    this.#beginTurn.get(i)!();
    const one = { name: `client ${i}`, timestamp: ++this.#timestamp, operation: utf8(operation) };
    const answer = this.nodes.get(i)!.vouch([one]);
    let isDone = false;
    let failure: unknown;
    answer.then(() => isDone = true, (error: unknown) => failure = error);
    for (let turn = 0; !isDone; turn++) {
      if (failure !== undefined) throw failure;
      if (turn > 12_000) throw new Error("no answer in a minute");
      await this.timer.advance(5);
    }
    return this.timer.now() - begun;
  }

  executed(): readonly number[] {
    return [...this.nodes.values()].map((node) => node.status().replica.lastExecuted);
  }

  views(): readonly number[] {
    return [...this.nodes.values()].map((node) => node.status().replica.view);
  }

  /** The most of any object. */
  most(): { readonly open: number; readonly requests: number; readonly refused: number; readonly alarms: number } {
    const most = (of: (platform: Platform) => number) => Math.max(...this.platforms.map(of));
    return {
      open: most(({ mostOpen }) => mostOpen),
      requests: most(({ mostRequests }) => mostRequests),
      refused: most(({ refused }) => refused),
      alarms: most(({ alarms }) => alarms),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.close()));
  }

  async #fetch(from: number, url: string, { body, signal }: RequestInit): Promise<Response> {
    const close = this.platforms[from]!.connect();
    const to = Number(new URL(url).hostname.split(".")[0]);
    const aborted = new Promise<never>((_, reject) => {
      signal!.addEventListener("abort", () => {
        this.platforms[from]!.aborted++;
        close();
        reject(signal!.reason);
      });
    });
    aborted.catch(() => {});
    const arrive = async () => {
      await this.timer.pass(ONE_WAY_MS);
      const node = this.nodes.get(to);
      if (!node && this.conduct[to] === "hang") await new Promise(() => {});
      if (!node || this.conduct[to] === "lost") throw new TypeError("dns error: no such host");
      if (this.conduct[to] === "503") return new Response(null, { status: 503 });
      this.#beginTurn.get(to)!();
      await node.receive(decodeBundle(body as Uint8Array, 10_000).frames);
      if (this.conduct[to] === "late") await this.timer.pass(400);
      await this.timer.pass(ONE_WAY_MS);
      if (this.conduct[to] === "hang") await new Promise(() => {});
      return new Response(this.conduct[to] === "drip" ? this.#drip(signal!, close) : null, { status: 202 });
    };
    try {
      const response = await Promise.race([arrive(), aborted]);
      if (response.body === null) close();
      return response;
    } catch (error) {
      close();
      throw error;
    }
  }

  #drip(signal: AbortSignal, close: () => void): ReadableStream<Uint8Array> {
    const { timer } = this;
    return new ReadableStream({
      start(controller) {
        signal.addEventListener("abort", () => controller.error(signal.reason));
      },
      async pull(controller) {
        await timer.pass(1_000);
        try {
          controller.enqueue(new Uint8Array(1));
        } catch {
          // It was aborted.
        }
      },
      cancel: close,
    });
  }
}
