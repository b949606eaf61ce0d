/**
 * Up to f Byzantine replicas that act together. They share their keys, all that they hear, and a plan of several
 * schemes. Each member runs a correct core, which lets it take part in the protocol. The messages of that core pass
 * through the schemes.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { decodeFrame, type Frame } from "../../wire/mod.ts";
import type { FaultInjector } from "../adversary/fault_injector.ts";
import type { SchemeName } from "../plan/plan.ts";
import { Plot, type PlotOptions } from "./plot.ts";
import type { Scheme, Statement } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";

/** The parts of a coalition. */
export interface CoalitionOptions extends PlotOptions {
  readonly schemes: readonly SchemeName[];
}

/** Interval at which schemes act by themselves, ms. */
const TICK_MS = 250;

/** The coalition of one run. */
export class Coalition {
  readonly #plot: Plot;
  readonly #schemes: readonly Scheme[];
  readonly #decoded = new WeakMap<Uint8Array, Frame | "unreadable">();

  constructor({ schemes, ...options }: CoalitionOptions) {
    this.#plot = new Plot(options);
    this.#schemes = schemes.map((name) => SCHEMES[name](this.#plot));
  }

  /** Starts. */
  start(): void {
    this.#plot.world.engine.after(this.#plot.random.between(0.5, 1.5) * TICK_MS, () => {
      for (const scheme of this.#schemes) scheme.ticks?.();
      this.start();
    });
  }

  /** The fault injector of a member. */
  faultInjectorOf(member: ReplicaId): FaultInjector {
    return {
      outgoing: (to, frames) => frames.flatMap((frame) => this.#say(member, to, frame)),
      incoming: (frames) => {
        for (const frame of frames) this.#hear(member, frame);
        return frames.filter((frame) => this.#lets(frame));
      },
      reply: (frame) => frame,
    };
  }

  #say(member: ReplicaId, to: ReplicaId, original: Uint8Array): { frame: Uint8Array; afterMs: number }[] {
    let out = [{ frame: original, afterMs: 0 }];
    const content = this.#content(original);
    if (content) this.#plot.knowledge.note(content);
    for (const scheme of this.#schemes) {
      if (!scheme.says) continue;
      out = out.flatMap((one) => {
        const content = this.#content(one.frame);
        const said: readonly Statement[] | null = content ? scheme.says!({ member, to, content, ...one }) : null;
        return said?.map(({ frame, afterMs = 0 }) => ({ frame, afterMs: one.afterMs + afterMs })) ?? [one];
      });
    }
    return out;
  }

  #hear(member: ReplicaId, frame: Uint8Array): void {
    const content = this.#content(frame);
    if (!content) return;
    const { message } = content.signed;
    // Members' own messages are known already, as they were before the schemes changed them.
    if (!this.#plot.isOwn(message)) this.#plot.knowledge.note(content);
    for (const scheme of this.#schemes) scheme.hears?.(content, member);
  }

  #lets(frame: Uint8Array): boolean {
    const content = this.#content(frame);
    return content === null || this.#schemes.every((scheme) => scheme.lets?.(content) ?? true);
  }

  #content(frame: Uint8Array): Frame | null {
    let known = this.#decoded.get(frame);
    if (known === undefined) {
      try {
        known = decodeFrame(frame);
      } catch {
        known = "unreadable"; // cut off on its way
      }
      this.#decoded.set(frame, known);
    }
    return known === "unreadable" ? null : known;
  }
}
