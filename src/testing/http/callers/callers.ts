/**
 * The callers over HTTP of one run.
 * @module
 */
import type { ClientOptions } from "../../clients/signed_client.ts";
import type { HttpPlan } from "../../plan/plan.ts";
import type { Watched } from "../../../wire/mod.ts";
import { Random } from "../../random.ts";
import type { World } from "../../world/world.ts";
import { Beliefs } from "./beliefs.ts";
import { ClientCaller } from "./client_caller.ts";
import { GuestCaller, type GuestCallerOptions } from "./guest_caller.ts";
import type { Caller, HttpCallers } from "../parts.ts";
import { Changes } from "./changes.ts";
import { WatchCaller } from "./watch_caller.ts";
import type { SimulatedWeb } from "../web.ts";

/** How often an answer is followed by somebody's read. */
const PEEKS = 0.4;

/** What may be watched: all, a key or a few of them, the batches. */
const WATCHED: readonly Watched[] = [{ prefix: "" }, { prefix: "" }, { key: "x" }, { batches: true }];

/** All of them. */
export class Callers implements HttpCallers {
  readonly #world: World;
  readonly #plan: HttpPlan;
  readonly #random: Random;
  readonly #beliefs: Beliefs;
  readonly #clients: ClientCaller[] = [];
  readonly #watchers: WatchCaller[] = [];
  #addresses = 0;

  constructor(world: World, plan: HttpPlan) {
    this.#world = world;
    this.#plan = plan;
    this.#random = new Random(plan.seed ^ 0x9ee4);
    this.#beliefs = new Beliefs(world);
  }

  client(index: number, options: ClientOptions): Caller | null {
    if (index >= this.#plan.clients) return null;
    const onAnswered = () => this.#onAnswered(caller);
    const caller: ClientCaller = new ClientCaller({ ...options, ...this.#shared, onAnswered });
    this.#clients.push(caller);
    return caller;
  }

  guest(index: number, options: ClientOptions, gateways: GuestCallerOptions["gateways"]): Caller | null {
    return index < this.#plan.guests ? new GuestCaller({ ...options, ...this.#shared, gateways }) : null;
  }

  watchers(): readonly Caller[] {
    const world = this.#world;
    const random = this.#random.fork();
    const changes = new Changes(world);
    return Array.from({ length: this.#plan.watchers }, (_, i) => {
      const { fetch } = this.#shared;
      const name = `watcher${i}`;
      const watched = changes.areTold ? random.pick(WATCHED) : { batches: true } as const;
      const isKept: SimulatedWeb["isKept"] = (from, through) => this.#web.isKept(from, through);
      const known = () => this.#beliefs.newest;
      const own = { world, name, random: random.fork(), fetch, watched, changes, isKept, known };
      const watcher = new WatchCaller(own);
      this.#watchers.push(watcher);
      return watcher;
    });
  }

  heal(): void {
    this.#web.heal();
  }

  async check(): Promise<void> {
    const { report } = this.#world;
    for (const watcher of this.#watchers) watcher.end();
    for (const { unrest } of this.#clients) if (unrest !== null) return report("bounds", unrest);
    await this.#beliefs.check();
    await this.#web.check(this.#world);
  }

  /** Somebody else reads in the same moment. */
  #onAnswered(by: ClientCaller): void {
    const others = this.#clients.filter((other) => other !== by && !other.isDone);
    if (others.length > 0 && this.#random.chance(PEEKS)) this.#random.pick(others).peek();
  }

  get #web(): SimulatedWeb {
    return this.#world.web as SimulatedWeb;
  }

  /** Each caller has an address of its own. */
  get #shared() {
    return { fetch: this.#web.road.fetchFrom(`203.0.113.${++this.#addresses}`), beliefs: this.#beliefs };
  }
}
