/**
 * The callers over HTTP of one run.
 * @module
 */
import type { ClientOptions } from "../../clients/signed_client.ts";
import type { HttpPlan } from "../../plan/plan.ts";
import type { World } from "../../world/world.ts";
import { Beliefs } from "./beliefs.ts";
import { ClientCaller } from "./client_caller.ts";
import { GuestCaller, type GuestCallerOptions } from "./guest_caller.ts";
import type { Caller, HttpCallers } from "../parts.ts";
import type { SimulatedWeb } from "../web.ts";

/** All of them. */
export class Callers implements HttpCallers {
  readonly #world: World;
  readonly #plan: HttpPlan;
  readonly #beliefs: Beliefs;
  #addresses = 0;

  constructor(world: World, plan: HttpPlan) {
    this.#world = world;
    this.#plan = plan;
    this.#beliefs = new Beliefs({ executions: world.checker.executions, report: world.report });
  }

  client(index: number, options: ClientOptions): Caller | null {
    return index < this.#plan.clients ? new ClientCaller({ ...options, ...this.#shared }) : null;
  }

  guest(index: number, options: ClientOptions, gateways: GuestCallerOptions["gateways"]): Caller | null {
    return index < this.#plan.guests ? new GuestCaller({ ...options, ...this.#shared, gateways }) : null;
  }

  heal(): void {
    this.#web.road.heal();
  }

  async check(): Promise<void> {
    await this.#beliefs.check(this.#world.genesis);
  }

  get #web(): SimulatedWeb {
    return this.#world.web as SimulatedWeb;
  }

  /** Each caller has an address of its own. */
  get #shared() {
    return { fetch: this.#web.road.fetchFrom(`203.0.113.${++this.#addresses}`), beliefs: this.#beliefs };
  }
}
