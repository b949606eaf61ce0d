/**
 * Carries out what somebody does to a simulated cluster.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import { utf8 } from "../../wire/mod.ts";
import { ByzantineReplica } from "../adversary/byzantine_replica.ts";
import { History } from "../clients/history.ts";
import { SignedClient } from "../clients/signed_client.ts";
import type { Behaviour } from "../plan/plan.ts";
import { keyValueWorkload } from "../plan/workload.ts";
import { Random } from "../random.ts";
import type { Cluster } from "../world/cluster.ts";
import type { Barrier } from "../world/network.ts";
import { shown } from "../world/observed_core.ts";
import type { Direction, ReplicaAction, TimedAction } from "./action.ts";

/** A replica that is made to lie tells two stories as primary, and gives wrong answers to clients. */
const LIES: readonly Behaviour[] = ["equivocating", "lying-to-clients"];

/** The habits of a client that asks only for what it is told to. */
const SILENT = { operations: 0, pipelining: 0, bundle: 1, thinkMs: 1 };
/** The liar's story depends on it. One with which the lesson shows all that it speaks of: see tests/page/simulator_test.ts. */
const LIES_SEED = 102_947;

/** The replicas have started by then. */
const OPENS_AT_MS = 20;

/** The one who does it. */
export class Director {
  readonly #cluster: Cluster;
  readonly #seed: number;
  readonly #barriers = new Map<number, Barrier>();
  #client: SignedClient | null = null;
  #asked = 0;

  constructor(cluster: Cluster, seed: number) {
    this.#cluster = cluster;
    this.#seed = seed;
  }

  /** Schedules actions. */
  plan({ actions, opensEarly }: Direction): void {
    if (opensEarly) this.#cluster.world.engine.after(OPENS_AT_MS, () => void this.#opened());
    for (const action of actions) this.#cluster.world.engine.after(action.atMs, () => this.#do(action));
  }

  #do(action: TimedAction): void {
    const { world } = this.#cluster;
    world.trace.line("operator", () => "replica" in action ? `${action.action} ${action.replica}` : action.operation);
    if (action.action === "request") return this.#ask(action.operation);
    const id = action.replica as ReplicaId;
    if (id < world.genesis.replicas.length) this.#act(action.action, id);
  }

  #act(action: ReplicaAction, id: ReplicaId): void {
    const { world } = this.#cluster;
    const machines = this.#cluster.machinesOf(id);
    switch (action) {
      case "stop":
        return machines.forEach((machine) => machine.crash());
      case "start":
        return machines.forEach((machine) => machine.start());
      case "pause":
        return machines.forEach((machine) => machine.pause());
      case "resume":
        return machines.forEach((machine) => machine.resume());
      case "cut":
        return this.#cut(id);
      case "join":
        return this.#join(id);
      case "lie": {
        const random = new Random(this.#seed ^ (LIES_SEED + id));
        this.#cluster.distrust(id);
        const liar = new ByzantineReplica({ world, replica: id, behaviours: LIES, random });
        return machines.forEach((machine) => machine.corrupt(liar));
      }
    }
  }

  #cut(id: ReplicaId): void {
    if (this.#barriers.has(id)) return;
    const { network, narrator } = this.#cluster.world;
    const barrier: Barrier = (from, to) => from !== null && (from.replica === id) !== (to.replica === id);
    this.#barriers.set(id, barrier);
    network.barriers.add(barrier);
    narrator?.condition(id, "cut", true);
  }

  #join(id: ReplicaId): void {
    const barrier = this.#barriers.get(id);
    if (!barrier) return;
    const { network, narrator } = this.#cluster.world;
    this.#barriers.delete(id);
    network.barriers.delete(barrier);
    narrator?.condition(id, "cut", false);
  }

  #ask(operation: string): void {
    this.#opened().ask(utf8(operation));
  }

  /** The client that asks. */
  #opened(): SignedClient {
    if (this.#client) return this.#client;
    const { world } = this.#cluster;
    this.#client = new SignedClient({
      world,
      name: "you",
      random: new Random(this.#seed ^ 0xa5c),
      // As the real client does.
      habits: { ...SILENT, receivers: weakQuorum(world.genesis.replicas.length) },
      workload: keyValueWorkload(),
      history: new History(),
      nextId: () => ++this.#asked,
      onAnswer: ({ operation, outcome, invokedAt }) => {
        const tookMs = (world.engine.now - invokedAt).toFixed(0);
        world.narrator?.note(`the client accepts ${shown(operation)} → ${outcome}, after ${tookMs} ms`);
      },
    });
    this.#client.start();
    return this.#client;
  }
}
