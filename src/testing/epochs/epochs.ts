/**
 * The epochs of one run: what correct replicas have accepted, and the world of each epoch. What anybody enters must be
 * what the members of the epoch before have agreed on, whoever showed him the way.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { ClusterMember } from "../../node/epochs/cluster_member.ts";
import { following } from "../../node/epochs/following.ts";
import { type Approved, decodeConfigure, type Epoch, isConfigure } from "../../wire/epochs/mod.ts";
import type { Coverage } from "../coverage.ts";
import type { InvariantChecker } from "../invariants/invariant_checker.ts";
import type { Configured, Ordered } from "./ordered.ts";
import type { Report } from "../violation.ts";
import type { EpochWorlds, MemberParts, ProcessWatch, Thieving, WatchedProcess, World } from "../world/world.ts";
import { Endings, type Recovered } from "./endings.ts";
import { answersOf } from "./answers.ts";
import { sourceOf } from "./source.ts";
import type { Interruptions } from "./interruptions.ts";
import { judge } from "./judge.ts";

/** The parts of the epochs. */
export interface EpochsOptions {
  readonly worldOf: (epoch: Epoch, before: InvariantChecker) => World;
  readonly report: Report;
  readonly coverage: Coverage;
}

/** What the members of an epoch have agreed on for the next one. */
interface Agreed {
  readonly hash: Digest;
  readonly closesAt: number;
  /** The version of the state machine that must be in force. */
  readonly version: string;
  readonly by: string;
}

/** The epochs of one run. */
export class Epochs implements EpochWorlds {
  readonly #options: EpochsOptions;
  readonly #worlds: World[] = [];
  readonly #agreed = new Map<number, Agreed>();
  #links: readonly Uint8Array[] = [];
  readonly parts: MemberParts = {
    open: (options, internals) => ClusterMember.openWith(options, internals),
    following,
    source: sourceOf,
    answers: answersOf,
  };
  readonly approved = new Map<number, readonly Approved[]>();
  thief: Thieving | null = null;
  /** Crashes at the end of epochs; `null`: there are none. */
  interruptions: Interruptions | null = null;
  readonly #recovered: Recovered = new WeakMap();
  /** Called for each world, the first one too. */
  onWorld: (world: World) => void = () => {};

  constructor(options: EpochsOptions) {
    this.#options = options;
  }

  /** Starts with epoch 0. */
  begin(world: World): void {
    this.#add(world);
  }

  get last(): World {
    return this.#worlds.at(-1)!;
  }

  get all(): readonly World[] {
    return this.#worlds;
  }

  links(): readonly Uint8Array[] {
    return this.#links;
  }

  /** A correct host has these links. */
  learn(links: readonly Uint8Array[]): void {
    if (links.length > this.#links.length) this.#links = links;
  }

  /** A quorum of the last epoch has approved of what this operation proposes. */
  approve(operation: Uint8Array): void {
    const { number } = this.last.epoch;
    this.approved.set(number, [...this.approved.get(number) ?? [], decodeConfigure(operation)]);
  }

  watch(watched: WatchedProcess): ProcessWatch {
    return new Endings(watched, this.#recovered, (label) => this.interruptions?.at(label));
  }

  entered(who: string, epoch: Epoch): World {
    if (epoch.number > 0) this.interruptions?.at(who);
    const { number, context, start } = epoch;
    const { report, coverage } = this.#options;
    const known = this.#worlds[number];
    const agreed = this.#agreed.get(number);
    const root = start && this.last.checker.executions.rootAt(start.sequence);
    const flaw = number > 0 && !agreed
      ? "which nobody has configured"
      : agreed && agreed.hash !== context
      ? "whose configuration is another one"
      : agreed && agreed.closesAt !== start?.sequence
      ? `which starts after ${start?.sequence}, and not after ${agreed.closesAt}`
      : agreed && agreed.version !== epoch.genesis.stateMachine
      ? `in which ${epoch.genesis.stateMachine} is in force, and not ${agreed.version}`
      : root && root !== start.root
      ? "whose state at the start is another one"
      : known && known.epoch.start?.root !== start?.root
      ? "whose start is another one"
      : null;
    if (flaw !== null) report("epochs", `${who} goes on to an epoch ${number} ${flaw}`);
    if (known) return known;
    if (number !== this.#worlds.length) {
      report("epochs", `${who} is in epoch ${number}, after ${this.last.epoch.number}`);
    }
    coverage.count("epochs", "epoch begins");
    const world = this.#options.worldOf(epoch, this.last.checker);
    this.#add(world);
    return world;
  }

  #add(world: World): void {
    this.#worlds.push(world);
    world.checker.onConfigured = (label, accepted, operations) =>
      this.#configured(world, { label, accepted, operations });
    this.onWorld(world);
  }

  /** A correct replica has accepted a configuration in one of these operations. */
  #configured(
    world: World,
    { label, accepted: { epoch, closesAt, configuration }, operations }: {
      readonly label: string;
      readonly accepted: Configured;
      readonly operations: readonly Ordered[];
    },
  ): void {
    const { report } = this.#options;
    const { checkpointInterval: K } = world.genesis;
    const proposed = operations.filter(({ operation }) => isConfigure(operation));
    const verdicts = proposed.map(({ sequence, operation }) => ({ sequence, verdict: judge(world, operation) }));
    // Others may have been ordered in the same step, and refused without a look at them. Of two equal ones only the first
    // is accepted, so the end of the epoch tells which it was.
    const found = verdicts.flatMap(({ sequence, verdict }) =>
      typeof verdict !== "string" && verdict.hash === configuration
        ? [{ sequence, next: verdict.version, last: Math.ceil(sequence / K) * K }]
        : []
    );
    const valid = found.find(({ last }) => last === closesAt) ?? found[0];
    if (!valid) {
      const why = verdicts.map(({ verdict }) => typeof verdict === "string" ? verdict : `${verdict.hash} is valid`);
      return report(
        "epochs",
        `${label} accepts a configuration for epoch ${epoch} that it must refuse: ${why.join("; ")}`,
      );
    }
    const { last, next } = valid;
    const { versions, genesis: { stateMachine: present } } = world;
    const version = versions?.after(present, next) ?? present;
    if (epoch !== world.epoch.number + 1 || closesAt !== last) {
      report(
        "epochs",
        `${label} lets epoch ${epoch} begin after ${closesAt}, accepted at ${valid.sequence}, K is ${K}`,
      );
    }
    const agreed = this.#agreed.get(epoch);
    if (!agreed) this.#agreed.set(epoch, { hash: configuration, closesAt: last, version, by: label });
    else if (agreed.hash !== configuration || agreed.closesAt !== last) {
      report(
        "epochs",
        `for epoch ${epoch} ${agreed.by} has accepted ${agreed.hash.slice(0, 8)} after ${agreed.closesAt}, ` +
          `${label} ${configuration.slice(0, 8)} after ${last}`,
      );
    }
    world.checker.lastOfEpoch = last;
  }
}
