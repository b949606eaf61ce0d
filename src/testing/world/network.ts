/**
 * The network: slow, lossy, partitioned; what it carries may come twice, late, or in another order.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { MessageKind, VouchedOperation } from "../../core/messages/messages.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway.ts";
import type { Rejection } from "../../node/ports.ts";
import { frameKind } from "../../wire/mod.ts";
import type { Engine } from "./engine.ts";
import type { Random } from "../random.ts";

/** How the network behaves. May change at any time. */
export interface NetworkHabits {
  /** One way, at least, ms. */
  minLatencyMs: number;
  /** One way, on top of that on average, ms. */
  meanLatencyMs: number;
  /** One way, at most, ms. */
  mostLatencyMs: number;
  /** The part of deliveries that get lost: on their way, or their answers. */
  loss: number;
  /** The part that comes once more later. */
  duplication: number;
  /** The part whose frames come one by one, each late in its own way. */
  reordering: number;
  /** The part that comes minutes later, when nobody waits for the answer any more. */
  lateness: number;
  /** The part that breaks off in the middle of a frame. */
  cutting: number;
  /** The part that is taken and answered very slowly. */
  dawdling: number;
  /** The part that is neither heard nor refused. */
  swallowing?: number;
  /** It takes so much longer to find out that nobody is there, ms. */
  refusalMs?: number;
}

/** A process that frames come to: a replica's, an isolate of it, a twin. */
export interface Station {
  readonly replica: ReplicaId;
  readonly isUp: boolean;
  /** It is at something: another process of this replica is to have what comes. */
  readonly isBusy?: boolean;
  /** Takes frames; resolves once they are answered for. */
  receive(frames: readonly Uint8Array[]): Promise<unknown>;
  /** A signed client's request; the answer may never come. */
  submit(frame: Uint8Array): Promise<Uint8Array | Rejection | null>;
  /** A signed client's query; the answer may never come. */
  query(frame: Uint8Array): Promise<Uint8Array | Rejection | null>;
  /** An unsigned client's operation; the answer may never come. */
  vouch(operation: VouchedOperation): Promise<GatewayAnswer | Rejection | null>;
}

/** Whether frames don't get from one to the other now. */
export type Barrier = (from: Station | null, to: Station) => boolean;

/** Whether a message of this kind gets lost on its way to a replica now. */
export type Sieve = (to: ReplicaId, kind: MessageKind | "unknown") => boolean;

/** Hears what is sent. */
export type Tap = (from: Station, frames: readonly Uint8Array[]) => void;

/** Late frames are late by up to so much, ms. */
const LATE_MS = 3_000;
/** Very late ones. */
const VERY_LATE_MS = { least: 10_000, most: 150_000 };
/** Slow answers take up to so long, ms: much longer than anybody waits. */
const SLOW_ANSWER_MS = 60_000;

/** One for all: where an error was made is costly to find out, and nobody looks. */
const UNREACHABLE = new Error("unreachable");

/** The network of one simulation. */
export class Network {
  /** Those that a replica's address leads to; one of them is picked each time. */
  readonly stations: Map<ReplicaId, Station[]> = new Map();
  readonly barriers: Set<Barrier> = new Set();
  readonly sieves: Set<Sieve> = new Set();
  /** Where they hold, frames are neither heard nor refused. */
  readonly swallowers: Set<Barrier> = new Set();
  readonly taps: Set<Tap> = new Set();
  readonly habits: NetworkHabits;
  readonly #engine: Engine;
  readonly #random: Random;

  constructor(engine: Engine, random: Random, habits: NetworkHabits) {
    this.#engine = engine;
    this.#random = random;
    this.habits = habits;
  }

  /** Adds a process. */
  add(station: Station): void {
    const { replica } = station;
    this.stations.set(replica, [...this.stations.get(replica) ?? [], station]);
  }

  /** Takes a process away. */
  remove(station: Station): void {
    const { replica } = station;
    this.stations.set(replica, (this.stations.get(replica) ?? []).filter((other) => other !== station));
  }

  /** A one-way latency, ms. */
  latencyMs(): number {
    const { minLatencyMs, meanLatencyMs, mostLatencyMs } = this.habits;
    return Math.min(mostLatencyMs, minLatencyMs + this.#random.exponential(meanLatencyMs));
  }

  /** A process that can be reached at this address now; `null`: none. `from` is null for clients. */
  route(from: Station | null, to: ReplicaId): Station | null {
    const there = (this.stations.get(to) ?? []).filter((station) => station.isUp && !this.#isBlocked(from, station));
    // No platform turns away what comes while all instances are at something.
    const idle = there.filter(({ isBusy }) => !isBusy);
    const reachable = idle.length > 0 ? idle : there;
    return reachable.length === 0 ? null : reachable.length === 1 ? reachable[0]! : this.#random.pick(reachable);
  }

  /** Whether the answer gets back. */
  reaches(from: Station, to: Station | null): boolean {
    return to === null || !this.#isBlocked(from, to);
  }

  #isBlocked(from: Station | null, to: Station): boolean {
    for (const blocks of this.barriers) if (blocks(from, to)) return true;
    return false;
  }

  /** Carries frames; settles as a POST would. */
  deliver(from: Station, to: ReplicaId, all: readonly Uint8Array[]): Promise<void> {
    const frames = this.sieves.size === 0 ? all : all.filter((frame) => this.#passes(to, frameKind(frame)));
    const { loss, duplication, reordering, lateness, cutting, dawdling, swallowing = 0, refusalMs = 0 } = this.habits;
    const random = this.#random;
    for (const hears of this.taps) hears(from, frames);
    return new Promise((resolve, reject) => {
      const refuse = () => reject(UNREACHABLE);
      const target = this.route(from, to);
      if (!target) {
        const isThere = (this.stations.get(to) ?? []).some((station) => this.reaches(station, from));
        // Behind a barrier, half of the time nobody even says no.
        if (isThere || random.chance(0.5)) this.#engine.after(refusalMs + this.latencyMs(), refuse);
        return;
      }
      for (const swallows of this.swallowers) if (swallows(from, target)) return;
      if (swallowing > 0 && random.chance(swallowing)) return;
      if (random.chance(loss)) {
        if (random.chance(0.5)) return;
        this.#arrive(target, frames, this.latencyMs());
        return;
      }
      if (random.chance(lateness)) {
        return this.#arrive(target, frames, random.between(VERY_LATE_MS.least, VERY_LATE_MS.most));
      }
      if (random.chance(cutting)) {
        this.#arrive(target, cut(frames, random), this.latencyMs());
        return void this.#engine.after(this.latencyMs(), refuse);
      }
      if (random.chance(duplication)) this.#arrive(target, frames, random.between(0, LATE_MS));
      if (random.chance(reordering)) {
        for (const frame of frames) this.#arrive(target, [frame], random.between(0, LATE_MS));
        this.#engine.after(this.latencyMs(), resolve);
        return;
      }
      this.#engine.after(this.latencyMs(), () => {
        if (!target.isUp) return void this.#engine.after(this.latencyMs(), refuse);
        const slowMs = random.chance(dawdling) ? random.between(0, SLOW_ANSWER_MS) : 0;
        const answer = () => {
          if (this.reaches(target, from)) this.#engine.after(slowMs + this.latencyMs(), resolve);
        };
        target.receive(frames).then(answer, refuse);
      });
    });
  }

  #passes(to: ReplicaId, kind: MessageKind | "unknown"): boolean {
    for (const holdsBack of this.sieves) if (holdsBack(to, kind)) return false;
    return true;
  }

  /** A client asks a replica and, perhaps, gets an answer. */
  ask<T>(to: ReplicaId, ask: (station: Station) => Promise<T | null>, answer: (answer: T, by: Station) => void): void {
    if (this.#random.chance(this.habits.loss)) return;
    this.#engine.after(this.latencyMs(), () => {
      const station = this.route(null, to);
      if (!station) return;
      void ask(station).then((got) => {
        if (got === null || this.#random.chance(this.habits.loss)) return;
        this.#engine.after(this.latencyMs(), () => answer(got, station));
      });
    });
  }

  /** Somebody says to a replica what was said before. */
  replay(to: ReplicaId, frames: readonly Uint8Array[]): void {
    const target = this.route(null, to);
    if (target) this.#arrive(target, frames, this.latencyMs());
  }

  #arrive(target: Station, frames: readonly Uint8Array[], afterMs: number): void {
    this.#engine.after(afterMs, () => {
      if (target.isUp) void target.receive(frames);
    });
  }
}

/** Some whole frames, and the beginning of the next. */
function cut(frames: readonly Uint8Array[], random: Random): readonly Uint8Array[] {
  const whole = random.int(0, frames.length - 1);
  const broken = frames[whole]!;
  return [...frames.slice(0, whole), broken.subarray(0, random.int(0, broken.length - 1))];
}
