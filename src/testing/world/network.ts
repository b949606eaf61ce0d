/**
 * The simulated network. It is slow, lossy or partitioned, and it may duplicate, delay and reorder.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { GatewayOperation, MessageKind } from "../../core/messages/messages.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway_operations.ts";
import type { NodeLimits } from "../../node/limits.ts";
import type { Rejection } from "../../node/ports.ts";
import type { Entered } from "../../wire/epochs/mod.ts";
import { frameKind } from "../../wire/mod.ts";
import type { Engine } from "./engine.ts";
import type { Random } from "../random.ts";
import type { Report } from "../violation.ts";

/** How the network behaves. May change at any time. */
export interface NetworkHabits {
  /** Smallest one-way latency, ms. */
  minLatencyMs: number;
  /** Mean of the one-way latency above the smallest, ms. */
  meanLatencyMs: number;
  /** Largest one-way latency, ms. */
  mostLatencyMs: number;
  /** The part of deliveries that are lost, either on the way or with their answer. */
  loss: number;
  /** The part that arrives once more later. */
  duplication: number;
  /** The part whose frames arrive one by one, each with its own delay. */
  reordering: number;
  /** The part that arrives minutes later, when the sender has given up. */
  lateness: number;
  /** The part that breaks off in the middle of a frame. */
  cutting: number;
  /** The part that is taken and answered very slowly. */
  dawdling: number;
  /** The part that gets neither through nor refused. */
  swallowing?: number;
  /** The additional time until a connection to an absent host is refused, ms. */
  refusalMs?: number;
}

/** A network that loses, doubles, delays and breaks nothing. */
export const NO_NETWORK_FAULTS = {
  loss: 0,
  duplication: 0,
  reordering: 0,
  lateness: 0,
  cutting: 0,
  dawdling: 0,
} as const;

/** A process that receives frames: of a replica, of an isolate of it, or a twin. */
export interface Station {
  /** The number of its host. */
  readonly replica: ReplicaId;
  readonly isUp: boolean;
  /** It is serving a request. Another process of this replica gets new ones, if there is one. */
  readonly isBusy?: boolean;
  /** Whether it may lie. */
  readonly isFaulty?: boolean;
  /** Takes frames. Resolves once they are answered. `by`: the replica that delivers them, if it has proved that. */
  receive(frames: readonly Uint8Array[], by?: ReplicaId, of?: Station): Promise<unknown>;
  /** A signed client's request. The answer may never come. */
  submit(frame: Uint8Array): Promise<Uint8Array | Rejection | null>;
  /** A signed client's query. The answer may never come. */
  query(frame: Uint8Array): Promise<Uint8Array | Rejection | null>;
  /** An unsigned client's operation. The answer may never come. */
  vouch(operation: GatewayOperation): Promise<GatewayAnswer | Rejection | null>;
  /** What it answers about its epochs; `null`: there is one epoch in this run. */
  readonly asMember: MemberAnswers | null;
}

/** What a host answers about its epochs. */
export interface MemberAnswers {
  /** The links after an epoch. */
  links(after: number): Promise<readonly Uint8Array[]>;
  /** Blobs that a member of an epoch fetches with a signed frame. */
  blobs(epoch: number, frame: Uint8Array): Promise<readonly Uint8Array[]>;
  /** The certificate of its last stable checkpoint in its epoch. */
  stable(): Promise<readonly Uint8Array[]>;
  /** That it has the state at which its epoch starts; `null`: it has it not. */
  entered(): Promise<Entered | null>;
}

/** Whether frames from one process to the other are blocked now. */
export type Barrier = (from: Station | null, to: Station) => boolean;

/** Whether messages of this kind to a replica are lost now. */
export type Sieve = (to: ReplicaId, kind: MessageKind | "unknown") => boolean;

/** Is told of everything that is sent. */
export type Tap = (from: Station, frames: readonly Uint8Array[]) => void;

/** The longest delay of late frames, ms. */
const LATE_MS = 3_000;
/** The delay of very late frames, ms. */
const VERY_LATE_MS = { least: 10_000, most: 150_000 };
/** How long somebody waits for the answer to a question, ms. */
const PATIENCE_MS = 3_000;
/** The longest delay of slow answers, ms: much longer than anybody waits. */
const SLOW_ANSWER_MS = 60_000;

/** One error for all refusals: a stack trace costs much, and nobody reads it. */
const UNREACHABLE = new Error("unreachable");
/** The same where nothing listens at the address, or something on the way says so. */
const REFUSED = Object.assign(new Error("refused"), { isRefused: true });

/** The network of one simulation. */
export class Network {
  /** The processes at each replica's address. Each delivery goes to one of them, picked at random. */
  readonly stations: Map<ReplicaId, Station[]> = new Map();
  readonly barriers: Set<Barrier> = new Set();
  readonly sieves: Set<Sieve> = new Set();
  /** Links on which frames get neither through nor refused. */
  readonly swallowers: Set<Barrier> = new Set();
  readonly taps: Set<Tap> = new Set();
  readonly habits: NetworkHabits;
  /** Frames that are minutes late arrive until then, virtual ms. */
  lateUntil = 0;
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

  /** Removes a process. */
  remove(station: Station): void {
    const { replica } = station;
    this.stations.set(replica, (this.stations.get(replica) ?? []).filter((other) => other !== station));
  }

  /** A one-way latency, ms. */
  latencyMs(): number {
    const { minLatencyMs, meanLatencyMs, mostLatencyMs } = this.habits;
    return Math.min(mostLatencyMs, minLatencyMs + this.#random.exponential(meanLatencyMs));
  }

  /** A process that is reachable at this address now; `null`: none. `from` is null for clients. */
  route(from: Station | null, to: ReplicaId): Station | null {
    const there = (this.stations.get(to) ?? []).filter((station) => station.isUp && !this.#isBlocked(from, station));
    // A platform does not turn requests away while all instances are busy.
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

  /** Carries frames. Settles as a POST would. */
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
        // Half of the time a blocked connection is not even refused. If it is, that looks as if nothing listened there.
        if (isThere || random.chance(0.5)) this.#engine.after(refusalMs + this.latencyMs(), () => reject(REFUSED));
        return;
      }
      for (const swallows of this.swallowers) if (swallows(from, target)) return;
      if (swallowing > 0 && random.chance(swallowing)) return;
      if (random.chance(loss)) {
        if (random.chance(0.5)) return;
        this.#arrive(target, frames, this.latencyMs(), from);
        return;
      }
      if (random.chance(lateness)) {
        const lateMs = random.between(VERY_LATE_MS.least, VERY_LATE_MS.most);
        this.lateUntil = Math.max(this.lateUntil, this.#engine.now + lateMs);
        return this.#arrive(target, frames, lateMs, from);
      }
      if (random.chance(cutting)) {
        this.#arrive(target, cut(frames, random), this.latencyMs(), from);
        return void this.#engine.after(this.latencyMs(), refuse);
      }
      if (random.chance(duplication)) this.#arrive(target, frames, random.between(0, LATE_MS), from);
      if (random.chance(reordering)) {
        for (const frame of frames) this.#arrive(target, [frame], random.between(0, LATE_MS), from);
        this.#engine.after(this.latencyMs(), resolve);
        return;
      }
      this.#engine.after(this.latencyMs(), () => {
        if (!target.isUp) return void this.#engine.after(this.latencyMs(), refuse);
        const slowMs = random.chance(dawdling) ? random.between(0, SLOW_ANSWER_MS) : 0;
        const answer = () => {
          if (this.reaches(target, from)) this.#engine.after(slowMs + this.latencyMs(), resolve);
        };
        target.receive(frames, from.replica, from).then(answer, refuse);
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

  /** A host, or a client (`null`), asks a host and waits for its answer. */
  request<T>(from: Station | null, to: ReplicaId, ask: (station: Station) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#engine.alarm(PATIENCE_MS, () => reject(UNREACHABLE));
      const isLost = () => this.#random.chance(this.habits.loss);
      this.#engine.after(this.latencyMs(), () => {
        const target = this.route(from, to);
        if (!target || isLost()) return;
        ask(target).then((answer) => {
          if (isLost() || (from && !this.reaches(target, from))) return;
          this.#engine.after(this.latencyMs(), () => {
            cancel();
            resolve(answer);
          });
        }, reject);
      });
    });
  }

  /** Sends frames to a replica again that were sent before. */
  replay(to: ReplicaId, frames: readonly Uint8Array[]): void {
    const target = this.route(null, to);
    if (target) this.#arrive(target, frames, this.latencyMs());
  }

  #arrive(target: Station, frames: readonly Uint8Array[], afterMs: number, of?: Station): void {
    this.#engine.after(afterMs, () => {
      if (target.isUp) target.receive(frames, of?.replica, of).catch(() => {});
    });
  }
}

/** Some whole frames, and the beginning of the next one. */
function cut(frames: readonly Uint8Array[], random: Random): readonly Uint8Array[] {
  const whole = random.int(0, frames.length - 1);
  const broken = frames[whole]!;
  return [...frames.slice(0, whole), broken.subarray(0, random.int(0, broken.length - 1))];
}

/** Checks one delivery to another replica. */
export function inspectDelivery(
  { limits, report }: { readonly limits: NodeLimits; readonly report: Report },
  label: string,
  frames: readonly Uint8Array[],
): void {
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  const isTooLong = frames.length > limits.maxBodyFrames || (frames.length > 1 && bytes > limits.maxBodyBytes);
  if (isTooLong) report("bounds", `${label} sends ${frames.length} frames of ${bytes} bytes at once`);
}
