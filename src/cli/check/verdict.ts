/**
 * What members say of themselves, reckoned up. Up to f of them may lie, so what one says of the cluster counts once f + 1 say it: one of
 * them is correct (PBFT §2). What one says of itself can make it look worse than the others, never them worse than it.
 * @module
 */
import { maxFaulty, quorum } from "../../core/messages/quorum.ts";
import { clusterId } from "../../crypto/mod.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import type { MemberReport } from "./member.ts";

/** How the cluster is: all is well; it is available, but something is wrong; no quorum votes. */
export type Verdict = "well" | "degraded" | "unavailable";

/** Something that is wrong with a member. */
export interface Fault {
  /** For machines. */
  readonly kind: string;
  /** For people. */
  readonly text: string;
  /** Whether the member does not count as one that votes. */
  readonly isOut: boolean;
}

/** One member, judged. */
export interface Judged {
  readonly report: MemberReport;
  readonly faults: readonly Fault[];
  readonly votes: boolean;
}

/** The whole cluster, judged. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly members: readonly Judged[];
  /** How many vote. */
  readonly voting: number;
  readonly quorum: number;
  /** The highest view, and number of executed batches, that f + 1 members vouch for; `null`: so many can't be asked. */
  readonly view: number | null;
  readonly executed: number | null;
  readonly primary: string | null;
  /** What is wrong here: this machine's clock. */
  readonly ownFault: string | null;
}

/** So far behind the others is not worth a word: members are asked one a little after the other, batches. */
const TOLERATED_LAG = 8;

/**
 * Judges what the members said. `earlier`: what they said a moment before, so that one that was asked early in a busy cluster is not taken
 * for one that is behind, nor one that was asked late for one that boasts.
 */
export function judge(
  cluster: ClusterFile,
  reports: readonly MemberReport[],
  earlier: readonly MemberReport[] = reports,
): Judgement {
  const { genesis } = cluster;
  const n = genesis.replicas.length;
  const now = commonGround(cluster, reports);
  const before = commonGround(cluster, earlier);
  const skews = reports.filter(isCredible(cluster)).flatMap((report) => report.skewMs ?? []);
  // Of 2 f + 1 values the middle one lies between two correct members' values. One member's alone may as well be its own fault.
  const skewMs = skews.length >= Math.max(2, 2 * maxFaulty(n) + 1) ? median(skews) : null;
  const isOwnClockWrong = skewMs !== null && Math.abs(skewMs) > genesis.limits.maxClockSkewMs / 2;
  const proven = new Map(reports.flatMap(({ name, proven }) => proven.map((accused) => [accused, name] as const)));
  const members = reports.map((report, i) => {
    const faults = report.status === null
      ? silentFaults(report)
      : faultsOf(cluster, report, { now, before, claimedBefore: earlier[i]?.status?.lastExecuted ?? null });
    const holder = proven.get(report.name);
    if (holder !== undefined) {
      faults.push(fault("contradiction", `has signed messages that contradict each other (evidence at ${holder})`));
    }
    const drift = report.skewMs === null || report.status === null
      ? 0
      : report.skewMs - (isOwnClockWrong ? skewMs! : 0);
    if (Math.abs(drift) > genesis.limits.maxClockSkewMs / 2) {
      faults.push({ ...fault("clock", `its clock is ${secondsOf(drift)}`), isOut: false });
    }
    return { report, faults, votes: !faults.some(({ isOut }) => isOut) };
  });
  const voting = members.filter(({ votes }) => votes).length;
  const ownFault = isOwnClockWrong ? `this machine's clock is ${secondsOf(-skewMs!)}` : null;
  const isWell = members.every(({ faults }) => faults.length === 0) && ownFault === null;
  return {
    verdict: voting < quorum(n) ? "unavailable" : isWell ? "well" : "degraded",
    members,
    voting,
    quorum: quorum(n),
    view: now.view,
    executed: now.executed,
    primary: now.view === null ? null : genesis.replicas[now.view % n]!.name,
    ownFault,
  };
}

/** Of a member that shows no status: it takes part if it says so and shows its key, and for all else there is no knowing. */
function silentFaults({ name, failure, readiness, key }: MemberReport): Fault[] {
  if (!readiness) return [fault("no-status", failure ?? "unreachable")];
  if (key === "not-held") return [fault("wrong-key", `the server at this URL does not hold ${name}'s key`)];
  if (!readiness.ready) return [fault("not-ready", `not ready: ${readiness.reason}`)];
  return key === "none" ? [fault("no-proof", failure!)] : [{ ...fault("hidden", failure!), isOut: false }];
}

/** What f + 1 members vouch for, so that it is true. */
interface CommonGround {
  readonly view: number | null;
  readonly executed: number | null;
  /** By number of executed batches: the history that f + 1 members have there. */
  readonly histories: ReadonlyMap<number, string>;
}

function commonGround(cluster: ClusterFile, reports: readonly MemberReport[]): CommonGround {
  const enough = maxFaulty(cluster.genesis.replicas.length) + 1;
  const statuses = reports.filter(isCredible(cluster)).map(({ status }) => status!);
  // "At least so far" is said by each that says more: the (f + 1)-th highest is said by f + 1.
  const vouched = (values: readonly number[]) => values.toSorted((a, b) => b - a)[enough - 1] ?? null;
  const counts = new Map<string, number>();
  const histories = new Map<number, string>();
  for (const { lastExecuted, history } of statuses) {
    const place = `${lastExecuted} ${history}`;
    counts.set(place, (counts.get(place) ?? 0) + 1);
    if (counts.get(place) === enough) histories.set(lastExecuted, history);
  }
  return {
    view: vouched(statuses.map(({ viewID }) => viewID)),
    executed: vouched(statuses.map(({ lastExecuted }) => lastExecuted)),
    histories,
  };
}

/**
 * Whether this is a member of this cluster as far as can be seen: what it says may count. One that says it is not ready answers no query,
 * so it can't be asked to show its key.
 */
function isCredible({ genesis }: ClusterFile): (report: MemberReport) => boolean {
  const id = clusterId(genesis);
  return ({ name, status, key }) => {
    if (status?.cluster !== id || status.nodeID !== name) return false;
    return key === "none" ? !status.ready : key !== "not-held";
  };
}

interface Reckoning {
  readonly now: CommonGround;
  readonly before: CommonGround;
  /** What this member said before that it had executed. */
  readonly claimedBefore: number | null;
}

function faultsOf({ genesis }: ClusterFile, report: MemberReport, reckoning: Reckoning): Fault[] {
  const { name, key } = report;
  const status = report.status!;
  const id = clusterId(genesis);
  if (status.cluster !== id) {
    const text = `another cluster: ${status.cluster.slice(0, 8)}, expected ${id.slice(0, 8)} (other members or keys)`;
    return [fault("other-cluster", text)];
  }
  const faults: Fault[] = [];
  // Two that are exchanged have each the other's key.
  if (key === "not-held" && status.nodeID === name) {
    faults.push(fault("wrong-key", `the server at this URL does not hold ${name}'s key`));
  }
  if (status.nodeID !== name) {
    faults.push(fault("exchanged", `this is ${status.nodeID}: two members' URLs are exchanged`));
  }
  if (status.halted !== null) faults.push(fault("halted", `halted: ${status.halted}`));
  if (status.storeError !== null) faults.push(fault("store", `its store fails: ${status.storeError}`));
  if (status.hasLostDisk) faults.push(fault("lost-disk", "has lost its disk, does not vote yet"));
  if (status.transferring) faults.push(fault("transferring", "fetching the state from the others"));
  faults.push(...progressFaults(report, reckoning));
  if (faults.length === 0 && key === "none" && status.ready) {
    faults.push(
      fault("no-proof", `says that it is ready, and answers no query: whether it holds ${name}'s key is not known`),
    );
  }
  if (faults.length === 0 && !status.ready) {
    faults.push(fault("not-ready", `not ready: ${status.notReady ?? "no reason given"}`));
  }
  return faults;
}

/** How far it says that it is, held against what f + 1 say. */
function progressFaults(report: MemberReport, { now, before, claimedBefore }: Reckoning): Fault[] {
  const { viewID, active, lastExecuted, history } = report.status!;
  const faults: Fault[] = [];
  if (now.view !== null && viewID > now.view) {
    faults.push(
      fault("view", `says it is in view ${viewID}, which fewer than f + 1 members say; others in ${now.view}`),
    );
  } else if (now.view !== null && viewID < now.view) {
    faults.push(fault("view", `in view ${viewID}, others in ${now.view}`));
  } else if (!active) {
    faults.push(fault("view", `waits for view ${viewID} to start`));
  }
  const lag = Math.min(now.executed ?? 0, before.executed ?? 0) - lastExecuted;
  if (lag > TOLERATED_LAG) faults.push({ ...fault("behind", `${lag} batches behind`), isOut: false });
  const claimed = Math.min(lastExecuted, claimedBefore ?? lastExecuted);
  if (now.executed !== null && claimed - now.executed > TOLERATED_LAG) {
    const text = `says it has executed ${claimed} batches, which fewer than f + 1 members say; others ${now.executed}`;
    faults.push(fault("claims-executed", text));
  }
  const agreed = now.histories.get(lastExecuted);
  if (agreed !== undefined && agreed !== history) {
    faults.push(fault("diverged", `has executed something else than f + 1 others up to ${lastExecuted}`));
  }
  return faults;
}

function fault(kind: string, text: string): Fault {
  return { kind, text, isOut: true };
}

function secondsOf(ms: number): string {
  return `${Math.abs(ms / 1_000).toFixed(1)} s ${ms > 0 ? "ahead" : "behind"}`;
}

function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}
