/**
 * Changes of the members and rules, as part of a plan.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Random } from "../random.ts";
import { versionName } from "../versions/names.ts";

/** How an operator first gets a change wrong, so that it must be refused. */
export type Mistake =
  | "few" // too few members approve of it
  | "doubled" // one member approves twice
  | "outsider" // somebody approves who is no member
  | "stale" // it is for an epoch that has begun already
  | "early" // it is for an epoch after the next one
  | "old-keys"; // members of earlier epochs approve of it

/** A change of the state machine's version. */
export interface MachineChange {
  /** The next version. */
  readonly version: string;
  /** Hosts whose code lacks it for a while. */
  readonly lacking: readonly ReplicaId[];
  /** They get it so long after the change has been asked for, ms. */
  readonly lackingForMs: number;
}

/** One change. */
export interface Reconfiguration {
  /** Not before this time, and not before the last one is done. */
  readonly atMs: number;
  /** The hosts of the next members, in their order. */
  readonly members: readonly ReplicaId[];
  /** Those among them that get new keys. */
  readonly rotated: readonly ReplicaId[];
  /** K of the next epoch. */
  readonly checkpointInterval: number;
  /** L of the next epoch. */
  readonly logWindow: number;
  /** The limit of the next epoch. */
  readonly maxBatchRequests: number;
  /** Wrong ones that are tried before. */
  readonly mistakes: readonly Mistake[];
  /** Another configuration is proposed at the same time: one of the two must be refused. */
  readonly isContested?: boolean;
  /** The next version of the state machine. Left out: the present one stays. */
  readonly machine?: MachineChange;
  /** New hosts start this long after the change has been asked for; they may be there before it is made. */
  readonly joinAfterMs: number;
  /** New hosts start only so long after the next epoch has begun, in place of `joinAfterMs`: until then nobody fetches the state. */
  readonly lateMs?: number;
}

/** All changes of a run. */
export interface Reconfigurations {
  /** Hosts that are no members at first. */
  readonly spares: number;
  /** The changes, one after another. */
  readonly changes: readonly Reconfiguration[];
  /** Somebody steals all keys of each epoch once it is closed, and uses them. Left out: nobody does. */
  readonly theft?: { readonly seed: number };
  /** Removed members stop once nobody needs them. Left out: they go on. */
  readonly stopsRemoved?: boolean;
  /** Processes crash when their epoch ends, or has begun. Left out: not for that reason. */
  readonly interruptions?: { readonly seed: number };
}

/** The part of the changes that are contested, and of those that change the version. */
const [CONTESTED, VERSIONS] = [0.2, 0.35];

/** What else a change may have. It was drawn later than the rest, so that a seed draws what it drew before there was this. */
export function enrich(random: Random, change: Reconfiguration, index: number): Reconfiguration {
  const isContested = random.chance(CONTESTED);
  if (!random.chance(VERSIONS)) return { ...change, ...isContested && { isContested } };
  const outcome = random.pick(["succeeds", "succeeds", "succeeds", "throws", "gives nonsense"] as const);
  const lacking = random.shuffled(change.members).slice(0, random.pick([0, 0, 1, 1, 2, change.members.length]));
  const machine: MachineChange = {
    version: versionName(index + 1, outcome),
    lacking,
    lackingForMs: random.pick([200, 2_000, 8_000]) * random.between(0.5, 1.5),
  };
  return { ...change, ...isContested && { isContested }, machine };
}

/** The run that they are drawn for. */
export interface Scope {
  readonly replicas: number;
  readonly durationMs: number;
  readonly checkpointInterval: number;
  readonly logWindow: number;
  readonly maxBatchRequests: number;
  /** Hosts that may lie, or lose their disks: no epoch has more than f of them. */
  readonly faulty: readonly ReplicaId[];
}

/** The most hosts of a run beside its first members. */
const MOST_SPARES = 6;
const MISTAKES: readonly Mistake[] = ["few", "doubled", "outsider", "stale", "early", "old-keys"];
/** No configuration has fewer members. */
export const LEAST_MEMBERS = 4;
/** When late hosts start, ms. Removed members that nobody needs go on for 15 s. */
const LATE_MS = [18_000, 30_000] as const;
/** Draws until the change suits. */
const DRAWS = 40;

/** Draws up to four changes, spread over a run. */
export function drawReconfigurations(random: Random, scope: Scope): Reconfigurations {
  const spares = random.int(1, MOST_SPARES);
  const hosts = Array.from({ length: scope.replicas + spares }, (_, id) => id as ReplicaId);
  const count = random.pick([1, 1, 2, 2, 3, 4]);
  const changes: Reconfiguration[] = [];
  let members: readonly ReplicaId[] = hosts.slice(0, scope.replicas);
  let rules: Pick<Reconfiguration, "checkpointInterval" | "logWindow" | "maxBatchRequests"> = scope;
  for (let i = 0; i < count; i++) {
    const next = drawMembers(random, { hosts, members, faulty: scope.faulty });
    const staying = next.filter((host) => members.includes(host));
    rules = drawRules(random, rules);
    changes.push({
      atMs: random.between(0.1, 0.9) * scope.durationMs * (i + 1) / count,
      members: next,
      // One at a time: it starts on an empty disk, and the others have the state.
      rotated: random.chance(0.3) ? random.shuffled(staying).slice(0, 1) : [],
      checkpointInterval: rules.checkpointInterval,
      logWindow: rules.logWindow,
      maxBatchRequests: rules.maxBatchRequests,
      mistakes: random.chance(0.5) ? [random.pick(MISTAKES)] : [],
      joinAfterMs: random.pick([0, 0, 500, 5_000]),
    });
    members = next;
  }
  return { spares, changes };
}

interface Choice {
  readonly hosts: readonly ReplicaId[];
  readonly members: readonly ReplicaId[];
  readonly faulty: readonly ReplicaId[];
}

/**
 * The same changes, but in the last one all members are replaced, or all but f, by hosts that start when those who were removed would be
 * gone if they waited for nobody.
 */
export function withLateHosts(random: Random, { spares, changes }: Reconfigurations, scope: Scope): Reconfiguration[] {
  const before = changes.at(-2)?.members ?? Array.from({ length: scope.replicas }, (_, id) => id as ReplicaId);
  const hosts = Array.from({ length: scope.replicas + spares }, (_, id) => id as ReplicaId);
  const others = random.shuffled(hosts.filter((host) => !before.includes(host)));
  const next = [...others, ...random.shuffled(before)].slice(0, Math.max(LEAST_MEMBERS, others.length)).slice(0, 7);
  const staying = next.filter((host) => before.includes(host)).length;
  const faulty = next.filter((host) => scope.faulty.includes(host)).length;
  const last = changes.at(-1)!;
  if (Math.max(staying, faulty) > maxFaulty(next.length)) return [...changes];
  return [...changes.slice(0, -1), { ...last, members: next, rotated: [], lateMs: random.between(...LATE_MS) }];
}

function drawMembers(random: Random, { hosts, members, faulty }: Choice): readonly ReplicaId[] {
  const others = hosts.filter((host) => !members.includes(host));
  const suits = (next: readonly ReplicaId[]) =>
    next.length >= LEAST_MEMBERS && next.length <= 7 &&
    next.filter((host) => faulty.includes(host)).length <= maxFaulty(next.length);
  for (let draw = 0; draw < DRAWS; draw++) {
    const next = random.pick<() => readonly ReplicaId[]>([
      () => members, // only the rules
      () => random.shuffled(members), // other seats
      () => members.filter((host) => host !== random.pick(members)), // one is removed, perhaps the primary
      () => members.slice(1),
      () => [...members, ...random.shuffled(others).slice(0, random.int(1, 3))], // some are added
      () => members.map((host, seat) => seat === 0 ? random.pick([...others, host]) : host), // the primary is replaced
      () => random.shuffled(hosts).slice(0, random.pick([4, 4, 5, 7])), // any
      () => random.shuffled(others).slice(0, 4), // all are replaced
    ])();
    if (suits(next)) return next;
  }
  return members;
}

function drawRules<T extends Pick<Reconfiguration, "checkpointInterval" | "logWindow" | "maxBatchRequests">>(
  random: Random,
  rules: T,
): Pick<Reconfiguration, "checkpointInterval" | "logWindow" | "maxBatchRequests"> {
  if (random.chance(0.5)) return rules;
  const checkpointInterval = random.pick([2, 4, 8, 16]);
  const logWindow = checkpointInterval * random.pick([2, 2, 4]);
  return { checkpointInterval, logWindow, maxBatchRequests: random.pick([1, 4, 64]) };
}
