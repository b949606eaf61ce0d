/**
 * HTTP over the simulated network: the `fetch` of callers. Requests and answers are slow, lost, late, doubled, cut, or stand still.
 * @module
 */
import type { ReplicaId } from "../../../core/messages/ids.ts";
import type { Coverage } from "../../coverage.ts";
import type { Hosts } from "../../hosts/hosts.ts";
import type { Random } from "../../random.ts";
import type { Engine } from "../../world/engine.ts";
import type { Network, Station } from "../../world/network.ts";
import { isUnending, lied } from "./lies.ts";
import { pieces } from "./pieces.ts";
import type { Site } from "./site.ts";

/** What the road needs. */
export interface RoadOptions {
  readonly engine: Engine;
  readonly network: Network;
  readonly hosts: Hosts;
  readonly coverage: Coverage;
  readonly random: Random;
  readonly sites: ReadonlyMap<Station, Site>;
  /** The part of the requests and answers that something happens to. */
  readonly trouble: number;
  /** The part of the answers instead of which the site's last one to the same caller comes, as from a proxy that mixes them up. */
  readonly crossing: number;
}

/** A request as it leaves its caller. */
interface Asked {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly signal: AbortSignal | null;
  readonly address: string;
}

/** What happens to a request or an answer. */
type Trouble = "none" | "lost" | "late" | "doubled" | "cut" | "slow" | "still";

/** After this long the caller's host gives up a connection on which nothing comes, ms. */
const PATIENCE_MS = 60_000;
/** How late something is, ms. */
const LATE_MS = { least: 1_000, most: 40_000 };
/** How long a slow body takes, ms. */
const SLOW_MS = 5_000;

/** The road from callers to the sites of all replicas. */
export class Road {
  readonly #options: RoadOptions;
  /** While there are faults. */
  #trouble: number;
  #crossing: number;
  /** The last answer of each site to each caller, by route. */
  readonly #last = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Requests without an end so far. */
  #open = 0;

  constructor(options: RoadOptions) {
    this.#options = options;
    this.#trouble = options.trouble;
    this.#crossing = options.crossing;
  }

  /** Requests that are under way, or whose answers are being read. */
  get open(): number {
    return this.#open;
  }

  /** Whether somebody who watches has waited for nothing: after a while that counts as a replica that keeps nothing. */
  hasSilenced = false;

  /** The faults are over. */
  heal(): void {
    this.#trouble = this.#crossing = 0;
  }

  /** The `fetch` of a caller at this address. */
  fetchFrom(address: string): typeof globalThis.fetch {
    return (input, init = {}) => {
      const url = new URL(String(input));
      const { method = "GET", body = null, signal = null } = init;
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body as Uint8Array<ArrayBuffer> | null;
      return this.#fetch({ url, method, headers: new Headers(init.headers), body: bytes, signal, address });
    };
  }

  #fetch(asked: Asked): Promise<Response> {
    const { engine, network, hosts } = this.#options;
    const host = hosts.hostAt(asked.url.origin);
    return new Promise((resolve, reject) => {
      const { signal } = asked;
      if (signal?.aborted) return reject(signal.reason);
      this.#open++;
      let isOver = false;
      const settle = (act: () => void) => {
        if (isOver) return;
        isOver = true;
        this.#open--;
        cancel();
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const onAbort = () => settle(() => reject(signal!.reason));
      const fail = () => settle(() => reject(new TypeError("the connection failed")));
      // Callers forbid redirects.
      const take = (response: Response) =>
        isRedirect(response) ? reject(new TypeError("a redirect")) : resolve(response);
      const cancel = engine.alarm(PATIENCE_MS, fail);
      signal?.addEventListener("abort", onAbort);
      const trouble = this.#draw(asked);
      if (trouble === "lost") return this.#silence(asked);
      const travel = (ms: number, isCopy: boolean) =>
        engine.after(ms, () => {
          if (isOver && trouble !== "late") return;
          void this.#arrive(asked, host).then(
            (response) => {
              if (isCopy) return hangUp(response);
              // Whoever has hung up meanwhile takes nothing, and the site finds the connection closed.
              const bring = (whole: Response) => isOver ? hangUp(whole) : settle(() => take(whole));
              if (response) engine.after(network.latencyMs(), () => bring(response));
            },
            () => isCopy || engine.after(network.latencyMs(), fail),
          );
        });
      if (trouble === "doubled") travel(this.#lateMs(), true);
      travel(trouble === "late" ? this.#lateMs() : network.latencyMs(), false);
    });
  }

  /** The site's answer as it comes to the caller; `null`: none does. */
  async #arrive(asked: Asked, host: ReplicaId): Promise<Response | null> {
    const { network, sites, random, coverage } = this.#options;
    const station = network.route(null, host);
    const site = station && sites.get(station);
    if (!site || site.isOver) {
      // Half of the time a connection is not even refused.
      if (random.chance(0.5)) {
        this.#silence(asked);
        return null;
      }
      throw new TypeError("refused");
    }
    const { url, method, headers, body, address } = asked;
    const { hosted: { isFaulty, life, node }, random: own, isImpostor, memory } = site;
    const seen = new Headers(headers);
    seen.set("host", url.host);
    if (body && random.chance(0.9)) seen.set("content-length", String(body.length));
    const request = new Request(url, { method, headers: seen, ...body && { body: body.slice() } });
    const honest = await site.answer(request, address);
    const response = isFaulty
      ? await lied(honest, {
        asked: body,
        path: url.pathname,
        random: own,
        liar: life.faultInjector,
        isImpostor,
        memory,
        coverage,
        sign: (statement) => node.signChanges(statement),
      })
      : honest;
    coverage.count("http", `${url.pathname} ${response?.status ?? "nothing"}`);
    return response && await this.#carried(response, site, asked);
  }

  /** The answer after its way. */
  async #carried(response: Response, site: Site, asked: Asked): Promise<Response | null> {
    const { network, random } = this.#options;
    const { url } = asked;
    const { status, headers } = response;
    const { habits: { loss } } = network;
    const trouble = this.#draw(asked);
    if (trouble === "lost" || random.chance(loss)) {
      this.#silence(asked);
      await response.body?.cancel();
      return null;
    }
    if (response.body === null) return new Response(null, { status, headers });
    if (isUnending(response)) return response;
    if (isStream(url, status)) {
      return new Response(pieces(response.body, { ...this.#options, site, signal: asked.signal }), { status, headers });
    }
    const own = new Uint8Array(await site.unlessEnded(response.arrayBuffer()));
    const body = status === 200 && url.pathname !== "/req"
      ? this.#crossed(own, `${asked.address} ${url.origin}${url.pathname}`)
      : own;
    const whole = new Headers(headers);
    if (random.chance(0.8)) whole.set("content-length", String(body.length));
    if (trouble !== "cut" && trouble !== "slow" && trouble !== "still") {
      return new Response(body, { status, headers: whole });
    }
    return new Response(this.#broken(body, trouble, asked.signal), { status, headers });
  }

  /** A body that breaks off, takes long, or never ends. */
  #broken(body: Uint8Array<ArrayBuffer>, trouble: Trouble, signal: AbortSignal | null): ReadableStream<Uint8Array> {
    const { engine, random } = this.#options;
    const half = random.int(0, body.length);
    return new ReadableStream({
      start(controller) {
        const end = (error: unknown) => controller.error(error);
        signal?.addEventListener("abort", () => end(signal.reason), { once: true });
        if (half > 0) controller.enqueue(body.slice(0, half));
        if (trouble === "cut") return end(new TypeError("the connection broke"));
        if (trouble === "still") return void engine.after(PATIENCE_MS, () => end(new TypeError("nothing came")));
        engine.after(random.exponential(SLOW_MS), () => {
          if (signal?.aborted) return;
          if (half < body.length) controller.enqueue(body.slice(half));
          controller.close();
        });
      },
    });
  }

  #crossed(body: Uint8Array<ArrayBuffer>, key: string): Uint8Array<ArrayBuffer> {
    const last = this.#last.get(key) ?? body;
    this.#last.set(key, body);
    if (!this.#options.random.chance(this.#crossing)) return body;
    this.#options.coverage.count("http trouble", "crossed");
    return last;
  }

  #silence({ url }: Asked): void {
    if (url.pathname === "/watch") this.hasSilenced = true;
  }

  #lateMs(): number {
    return this.#options.random.between(LATE_MS.least, LATE_MS.most);
  }

  #draw({ url }: Asked): Trouble {
    const { random, coverage } = this.#options;
    if (!random.chance(this.#trouble)) return "none";
    const trouble = random.pick<Trouble>(["lost", "late", "doubled", "cut", "slow", "still"]);
    coverage.count("http trouble", `${trouble} ${url.pathname}`);
    return trouble;
  }
}

function isStream({ pathname }: URL, status: number): boolean {
  return status === 200 && (pathname === "/watch" || pathname === "/events");
}

function isRedirect({ status }: Response): boolean {
  return status >= 300 && status < 400;
}

/** Nobody takes the body of this answer. */
function hangUp(response: Response | null): void {
  response?.body?.cancel().catch(() => {});
}
