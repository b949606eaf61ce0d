/**
 * The HTTP interfaces of all replicas of a run, the road to them, and their archives.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import type { Archive } from "../../node/ports.ts";
import { KEPT_CHANGES } from "../../node/watching/change_log.ts";
import type { HttpPlan } from "../plan/plan.ts";
import { Random } from "../random.ts";
import type { Station } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { Archives } from "./archives.ts";
import type { HostedReplica, Web, WebParts } from "./ports.ts";
import { Road } from "./road/road.ts";
import { type Policy, Site } from "./road/site.ts";

/** One run's. */
export class SimulatedWeb implements Web {
  readonly road: Road;
  readonly #parts: WebParts;
  readonly #policy: Policy;
  /** How many batches replicas keep for those who watch. */
  readonly keptBatches: number;
  /** `null`: there are none. */
  readonly #archives: Archives | null;
  readonly #sites = new Map<Station, Site>();

  constructor(parts: WebParts, { seed, trouble }: HttpPlan) {
    const random = new Random(seed);
    this.#parts = parts;
    this.#policy = drawPolicy(random);
    this.road = new Road({
      ...parts,
      random: random.fork(),
      sites: this.#sites,
      trouble,
      crossing: trouble && random.pick([0, 0.3]),
    });
    this.keptBatches = random.pick(KEPT_BATCHES);
    this.#archives = random.chance(ARCHIVES) ? new Archives(parts, random.fork()) : null;
  }

  /** The faults are over. */
  heal(): void {
    this.road.heal();
    this.#archives?.heal();
  }

  /** At the end: the archives have what they must have. */
  async check(world: World): Promise<void> {
    const forgotten = new Map<ReplicaId, number>();
    for (const { isOver, hosted: { isFaulty, node, station: { replica } } } of this.#sites.values()) {
      if (!isOver && !isFaulty) forgotten.set(replica, node.status().replica.lowWatermark);
    }
    await this.#archives?.check(world, forgotten);
  }

  opened(hosted: HostedReplica): () => void {
    const site = new Site({ ...this.#parts, hosted, policy: this.#policy });
    this.#sites.set(hosted.station, site);
    this.#archives?.watch(hosted);
    return () => site.end();
  }

  /**
   * Whether f + 1 correct replicas keep these numbers for those who watch, and would have told them by now. A replica with two instances keeps
   * them if both do: the stream may be of the one that has skipped what the other has executed.
   */
  isKept(from: number, through: number): boolean {
    if (this.road.hasSilenced) return false;
    const keeps = new Map<ReplicaId, boolean>();
    for (const { isOver, hosted: { isFaulty, node: { changes }, station: { replica } } } of this.#sites.values()) {
      // What an instance lacked that has ended, its replica may have said while it ran.
      if (isFaulty || (isOver && changes.first <= from)) continue;
      keeps.set(replica, (keeps.get(replica) ?? true) && changes.first <= from && through < changes.next);
    }
    const keeping = [...keeps.values()].filter(Boolean).length;
    return keeping >= weakQuorum(this.#parts.genesis.replicas.length);
  }

  usageOf(station: Station): Readonly<Record<string, number>> {
    return this.#sites.get(station)?.usage ?? {};
  }

  archiveOf({ replica }: Station): Archive | undefined {
    return this.#archives?.of(replica);
  }
}

/** The part of the runs in which replicas have archives. */
const ARCHIVES = 0.5;
/** Few: who is slow misses some. */
const KEPT_BATCHES = [6, 20, KEPT_CHANGES.batches];

/** Bytes of more bodies than callers send at once, and of fewer than they send in a run. */
const MANY_BODIES = 32 * 1024;

/** Limits that are reached now and then, and waits that end before an operation is executed. */
function drawPolicy(random: Random): Policy {
  const perSecond = random.pick([5, 20]);
  return {
    requestTimeoutMs: random.pick([2_000, 10_000]),
    waitMs: random.pick([300, 3_000, 10_000]),
    bodyTimeoutMs: random.pick([1_000, 10_000]),
    maxWaiting: random.pick([16, 2_048]),
    maxHeldBytes: random.pick([MANY_BODIES, 512 * MANY_BODIES]),
    ...random.chance(0.2) && { clientLimit: { perSecond } },
    ...random.chance(0.2) && { addressLimit: { perSecond } },
  };
}
