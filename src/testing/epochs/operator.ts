/**
 * The operator of the cluster: proposes one change after another, with the approvals of a quorum, and starts the
 * hosts that join. Some of its proposals are wrong, and must be refused.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway_operations.ts";
import type { Rejection } from "../../node/ports.ts";
import {
  type Approval,
  approvalContext,
  type Configuration,
  encodeConfiguration,
  encodeConfigure,
  type Epoch,
} from "../../wire/epochs/mod.ts";
import { fromHex, fromUtf8 } from "../../wire/mod.ts";
import { quorumOf } from "../invariants/paper.ts";
import type { Mistake, Reconfiguration } from "../plan/reconfigurations.ts";
import type { Random } from "../random.ts";
import type { Cluster } from "../world/cluster.ts";
import type { Epochs } from "./epochs.ts";
import { RollOut } from "./roll_out.ts";
import { strayed } from "./leaving/strayed.ts";
import type { World } from "../world/world.ts";

const [NAME, RIVAL] = ["operator", "rival"];
/** Without an answer for this long it asks through another gateway, ms. */
const RETRY_MS = 2_500;
/** How often it looks whether a change has taken effect, ms. */
const LOOK_MS = 200;

/** The parts of an operator. */
export interface OperatorOptions {
  readonly cluster: Cluster;
  readonly changes: readonly Reconfiguration[];
  readonly random: Random;
}

/** The operator of one run. */
export class Operator {
  readonly #options: OperatorOptions;
  #left: readonly Reconfiguration[];
  #timestamp = 0;
  #isHurried = false;
  readonly #rollOut: RollOut;
  /** Whether it asks which versions the state has been through. */
  #isAsking = false;
  /** Hosts that have a new key and still run with the old one. */
  readonly #renewing = new Set<ReplicaId>();

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#left = options.changes;
    this.#rollOut = new RollOut(options.cluster, options.changes);
  }

  /** Whether all changes have taken effect. */
  get isDone(): boolean {
    return this.#left.length === 0 && this.#renewing.size === 0 && this.#rollOut.isDone && !this.#isAsking;
  }

  /** The remaining work, for people. */
  get words(): string {
    const { words } = this.#rollOut;
    return `${this.#left.length} of ${this.#options.changes.length} changes, ${this.#renewing.size} keys, ${words}`;
  }

  /** The healed hosts that are in another epoch than the last one, for people. */
  get strays(): readonly string[] {
    return strayed(this.#options.cluster);
  }

  /** From now on it waits for no time. */
  hurry(): void {
    this.#isHurried = true;
    this.#rollOut.hurry();
  }

  /** Starts. */
  start(): void {
    this.#next();
  }

  get #last(): World {
    return this.#options.cluster.world.epochs!.last;
  }

  #next(): void {
    const { cluster: { world: { engine } } } = this.#options;
    const [change] = this.#left;
    if (!change) return this.#askForVersions();
    const isEarly = engine.now < change.atMs && !this.#isHurried;
    if (isEarly || this.#renewing.size > 0) return void engine.after(LOOK_MS, () => this.#next());
    this.#tryWrong(change, [...change.mistakes]);
  }

  #tryWrong(change: Reconfiguration, mistakes: Mistake[]): void {
    const mistake = mistakes.shift();
    if (!mistake) return this.#make(change);
    const { cluster: { world: { coverage, report } } } = this.#options;
    this.#submit(this.#proposal(change, mistake), (status, text) => {
      coverage.count("epochs", `refused: ${text.split(":", 1)[0]}`);
      if (status === "ok") report("epochs", `the members accept a configuration that they must refuse (${mistake})`);
      this.#tryWrong(change, mistakes);
    });
  }

  #make(change: Reconfiguration): void {
    const { cluster, cluster: { world: { engine, report, coverage } } } = this.#options;
    const { number } = this.#last.epoch;
    const joining = () => change.members.forEach((host) => cluster.join(host));
    if (change.lateMs === undefined) engine.after(change.joinAfterMs, joining);
    else this.#joinLate(joining, { lateMs: change.lateMs, number: number + 1 });
    if (change.machine) this.#rollOut.begin(change.machine);
    const other = { ...change, maxBatchRequests: change.maxBatchRequests + 1 };
    const proposed = (change.isContested ? [change, other] : [change]).map((one) => this.#proposal(one));
    let [open, accepted] = [proposed.length, 0];
    proposed.forEach((operation, i) => {
      (cluster.world.epochs as Epochs).approve(operation);
      this.#submit(operation, (status, text) => {
        open--;
        coverage.count("epochs", status === "ok" ? "configured" : `not configured: ${text.split(":", 1)[0]}`);
        if (status === "ok" && ++accepted === 1) return this.#await(change, number + 1);
        if (accepted > 1) report("epochs", "the members accept two configurations for one epoch");
        if (open > 0 || accepted > 0) return;
        report("epochs", `the members refuse a configuration of which a quorum approves: ${text}`);
      }, i === 0 ? NAME : RIVAL);
    });
  }

  /** Starts new hosts some time after their epoch has begun. The answer to the change may need them, so nobody waits for that. */
  #joinLate(joining: () => void, when: { readonly lateMs: number; readonly number: number }): void {
    const { world: { engine, coverage } } = this.#options.cluster;
    if (this.#last.epoch.number < when.number) return void engine.after(LOOK_MS, () => this.#joinLate(joining, when));
    coverage.count("epochs", "new hosts start late");
    engine.after(when.lateMs, joining);
  }

  /** The state says which versions it has been through: each was made once, of the one before. */
  #askForVersions(): void {
    const { cluster: { world: { versions, report } }, changes } = this.#options;
    if (!versions || !changes.some(({ machine }) => machine)) return;
    this.#isAsking = true;
    this.#submit(versions.question, (_, text) => {
      this.#isAsking = false;
      const all = this.#options.cluster.world.epochs!.all.map(({ genesis }) => genesis.stateMachine);
      const expected = versions.answer(all.filter((version, i) => version !== all[i - 1]));
      if (text !== expected) report("epochs", `the state has been through the versions ${text}, expected ${expected}`);
    });
  }

  /** Waits until somebody has entered the epoch, and gives new keys to those who shall have them. */
  #await(change: Reconfiguration, number: number): void {
    const { cluster, cluster: { world: { engine, hosts } } } = this.#options;
    if (this.#last.epoch.number < number) return void engine.after(LOOK_MS, () => this.#await(change, number));
    if (change.lateMs === undefined) { for (const host of change.members) cluster.join(host); }
    for (const host of change.rotated) {
      this.#renewing.add(host);
      hosts.renewKey(host);
      this.#renew(host, number);
    }
    this.#left = this.#left.slice(1);
    this.#next();
  }

  /** Once a host has left the cluster, as it has not the new key, its process is started with it. */
  #renew(host: ReplicaId, number: number): void {
    const { cluster, cluster: { world: { engine } } } = this.#options;
    const machines = cluster.machinesOf(host);
    // Nobody waits for a liar.
    const isThere = machines.some(({ isFaulty }) => isFaulty) ||
      machines.some((machine) => machine.isUp && machine.world.epoch.number >= number);
    if (!isThere && machines.some(({ isUp }) => isUp)) {
      return void engine.after(LOOK_MS, () => this.#renew(host, number));
    }
    const wereOn = machines.filter((machine) => machine.renew() || machine.hasDeparted);
    for (const disk of new Set(machines.map(({ disk }) => disk))) disk.replace();
    for (const machine of wereOn) machine.start();
    this.#renewing.delete(host);
  }

  #submit(operation: Uint8Array, onResult: Asked["onResult"], name: string = NAME): void {
    const { cluster: { world: { checker, trace } } } = this.#options;
    const timestamp = ++this.#timestamp;
    checker.requests.asked(name, timestamp, operation);
    trace.line(name, () => `asks t=${timestamp} to go on to epoch ${this.#last.epoch.number + 1}`);
    this.#ask(timestamp, { name, operation, onResult, isAnswered: false });
  }

  #ask(timestamp: number, asked: Asked): void {
    const { cluster, cluster: { world: { engine, network } }, random } = this.#options;
    if (asked.isAnswered) return;
    const gateways = cluster.gateways;
    if (gateways.length > 0) {
      network.ask(
        random.pick(gateways),
        (station) => station.vouch({ name: asked.name, timestamp, operation: asked.operation }),
        (answer) => this.#onAnswer(asked, answer),
      );
    }
    engine.after(RETRY_MS, () => this.#ask(timestamp, asked));
  }

  #onAnswer(asked: Asked, answer: GatewayAnswer | Rejection): void {
    if (asked.isAnswered || "reason" in answer) return;
    const { status, value } = answer.results[0]!;
    if (status === "refused") return; // it came too late: it is asked again
    asked.isAnswered = true;
    asked.onResult(status === "ok" ? "ok" : "rejected", fromUtf8(value));
  }

  #proposal(change: Reconfiguration, mistake?: Mistake): Uint8Array {
    const { world: { hosts, crypto, epochs, versions } } = this.#options.cluster;
    const { epoch } = this.#last;
    const number = mistake === "stale" ? epoch.number : epoch.number + (mistake === "early" ? 2 : 1);
    const keyOf = (host: ReplicaId) => change.rotated.includes(host) ? hosts.nextKeyOf(host) : hosts.keyOf(host);
    const configuration: Configuration = {
      cluster: epoch.cluster,
      epoch: Math.max(1, number),
      previous: mistake === "stale" && epoch.number > 0 ? epochs!.all[epoch.number - 1]!.epoch.context : epoch.context,
      genesis: {
        ...epoch.genesis,
        replicas: change.members.map((host) => ({ name: hosts.nameOf(host), publicKey: keyOf(host).publicKey })),
        ...change.machine && versions && { stateMachine: change.machine.version },
        checkpointInterval: change.checkpointInterval,
        logWindow: change.logWindow,
        limits: { ...epoch.genesis.limits, maxBatchRequests: change.maxBatchRequests },
      },
      urls: Object.fromEntries(change.members.map((host) => [hosts.nameOf(host), hosts.urlOf(host)])),
    };
    // Epoch 0 has begun already and has no number to configure: a later one is no better.
    const stale = mistake === "stale" && epoch.number === 0 ? { ...configuration, epoch: 7 } : configuration;
    const bytes = encodeConfiguration(stale);
    return encodeConfigure({ configuration: bytes, approvals: this.#approvals(epoch, crypto.hash(bytes), mistake) });
  }

  #approvals(epoch: Epoch, hash: Digest, mistake?: Mistake): readonly Approval[] {
    const { cluster: { world: { hosts, crypto, epochs } }, random } = this.#options;
    const { replicas } = epoch.genesis;
    const needed = quorumOf(replicas.length);
    const seats = random.shuffled(replicas.map((_, seat) => seat));
    const { context, epoch: signedFor, kind } = approvalContext(epoch);
    const by = (seat: number, publicKey: string): Approval => {
      const signer = crypto.createSigner(hosts.privateKeyOf(publicKey), context, signedFor);
      return { member: seat, signature: signer.sign(kind, fromHex(hash)) };
    };
    const own = (seat: number) => by(seat, replicas[seat]!.publicKey);
    switch (mistake) {
      case "few":
        return seats.slice(0, needed - 1).map(own);
      case "doubled":
        return [...seats.slice(0, needed - 1), seats[0]!].map(own);
      case "outsider": {
        const outsider = hosts.ids.find((host) => !replicas.some(({ publicKey }) => hosts.hostOf(publicKey) === host))!;
        const wrong = by(seats[0]!, hosts.keyOf(outsider ?? 0 as ReplicaId).publicKey);
        return outsider === undefined
          ? seats.slice(0, needed - 1).map(own)
          : [wrong, ...seats.slice(1, needed).map(own)];
      }
      case "old-keys": {
        const before = epochs!.all[epoch.number - 1]?.genesis.replicas ?? [];
        const old = before.filter(({ publicKey }) => !replicas.some((member) => member.publicKey === publicKey));
        // At most one of them has a true signature there.
        if (old.length === 0) return seats.slice(0, needed - 1).map(own);
        return seats.slice(0, needed).map((seat, i) => i === 0 ? by(seat, old[0]!.publicKey) : own(seat));
      }
      default:
        return seats.slice(0, random.int(needed, seats.length)).map(own);
    }
  }
}

interface Asked {
  readonly name: string;
  readonly operation: Uint8Array;
  readonly onResult: (status: "ok" | "rejected", text: string) => void;
  isAnswered: boolean;
}
