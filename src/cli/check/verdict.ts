/**
 * Judges a cluster by its members' answers. Up to f members may lie, so a statement about the cluster counts only if
 * f + 1 members make it: one of them is correct (PBFT §2). By statements about itself a member can make only itself
 * look bad, not the others.
 * @module
 */
import { maxFaulty, quorum } from "../../core/messages/quorum.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { MemberReport } from "./member.ts";

/**
 * The state of the cluster. `healthy`: no faults. `degraded`: it is available, but something is wrong. `unavailable`:
 * fewer than a quorum vote.
 */
export type Verdict = "healthy" | "degraded" | "unavailable";

/** A fault of a member. */
export interface Fault {
  /** The kind, for machines. */
  readonly kind: string;
  /** The description, for people. */
  readonly text: string;
  /** Whether the member counts as one that does not vote. */
  readonly isOut: boolean;
}

/** One member with its faults. */
export interface Judged {
  readonly report: MemberReport;
  readonly faults: readonly Fault[];
  readonly votes: boolean;
}

/** The judgement of the whole cluster. */
export interface Judgement {
  /** The epoch whose members were asked. */
  readonly epoch: Epoch;
  readonly verdict: Verdict;
  readonly members: readonly Judged[];
  /** The number of members that vote. */
  readonly voting: number;
  readonly quorum: number;
  /** The highest view, and number of executed batches, that f + 1 members confirm; `null` if too few answered. */
  readonly view: number | null;
  readonly executed: number | null;
  readonly primary: string | null;
  /** A fault of this machine: its clock is wrong. */
  readonly ownFault: string | null;
}

/** A member this far behind is not reported, batches: members are asked at slightly different times. */
const TOLERATED_LAG = 8;

/**
 * Judges the answers of the members of an epoch, by its n, f and keys. `earlier`: their answers a moment before. With
 * them, in a busy cluster, a member that was asked early does not look behind, and one that was asked late does not
 * look as if it claimed too much.
 */
export function judge(
  epoch: Epoch,
  reports: readonly MemberReport[],
  earlier: readonly MemberReport[] = reports,
): Judgement {
  const { genesis } = epoch;
  const n = genesis.replicas.length;
  const now = commonGround(epoch, reports);
  const before = commonGround(epoch, earlier);
  const skews = reports.filter(isCredible(epoch)).flatMap((report) => report.skewMs ?? []);
  // The median of 2 f + 1 values lies between the values of two correct members. A single value may be that member's
  // own fault.
  const skewMs = skews.length >= Math.max(2, 2 * maxFaulty(n) + 1) ? median(skews) : null;
  const isOwnClockWrong = skewMs !== null && Math.abs(skewMs) > genesis.limits.maxClockSkewMs / 2;
  const proven = new Map(
    reports.flatMap(({ name, proven }) => proven.map(({ publicKey }) => [publicKey, name] as const)),
  );
  const members = reports.map((report, i) => {
    const faults = report.status === null
      ? silentFaults(report)
      : faultsOf(epoch, report, { now, before, claimedBefore: earlier[i]?.status?.lastExecuted ?? null });
    const holder = proven.get(genesis.replicas[i]!.publicKey);
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
  const isHealthy = members.every(({ faults }) => faults.length === 0) && ownFault === null;
  return {
    epoch,
    verdict: voting < quorum(n) ? "unavailable" : isHealthy ? "healthy" : "degraded",
    members,
    voting,
    quorum: quorum(n),
    view: now.view,
    executed: now.executed,
    primary: now.view === null ? null : genesis.replicas[now.view % n]!.name,
    ownFault,
  };
}

/**
 * The faults of a member that shows no status. It counts as voting if it says that it is ready and proves its key;
 * nothing else is known.
 */
function silentFaults({ name, failure, readiness, key }: MemberReport): Fault[] {
  if (!readiness && key === "not-held") return [fault("wrong-key", failure!)];
  if (!readiness) return [fault("no-status", failure ?? "unreachable")];
  if (key === "not-held") return [fault("wrong-key", `the server at this URL does not hold ${name}'s key`)];
  if (!readiness.ready) return [fault("not-ready", `not ready: ${readiness.reason}`)];
  return key === "none" ? [fault("no-proof", failure!)] : [{ ...fault("hidden", failure!), isOut: false }];
}

/** What f + 1 members confirm, so that it is true. */
interface CommonGround {
  readonly view: number | null;
  readonly executed: number | null;
  /** By number of executed batches: the history that f + 1 members have at this number. */
  readonly histories: ReadonlyMap<number, string>;
}

function commonGround(epoch: Epoch, reports: readonly MemberReport[]): CommonGround {
  const enough = maxFaulty(epoch.genesis.replicas.length) + 1;
  const statuses = reports.filter(isCredible(epoch)).map(({ status }) => status!);
  // A claim includes all lower ones, so f + 1 members confirm the (f + 1)-th highest.
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
 * Whether the answers of this member count: it is in this epoch of this cluster and holds the member's key. A member
 * that says it is not ready answers no query, so its key cannot be checked.
 */
function isCredible({ cluster, number }: Epoch): (report: MemberReport) => boolean {
  return ({ name, status, key }) => {
    if (status?.cluster !== cluster || status.epoch !== number || status.nodeID !== name) return false;
    return key === "none" ? !status.ready : key !== "not-held";
  };
}

interface Reckoning {
  readonly now: CommonGround;
  readonly before: CommonGround;
  /** How many batches the member claimed before to have executed. */
  readonly claimedBefore: number | null;
}

function faultsOf({ cluster: id, number }: Epoch, report: MemberReport, reckoning: Reckoning): Fault[] {
  const { name, key } = report;
  const status = report.status!;
  if (status.cluster !== id) {
    const text = `another cluster: ${status.cluster.slice(0, 8)}, expected ${id.slice(0, 8)} (other members or keys)`;
    return [fault("other-cluster", text)];
  }
  if (status.epoch !== number) {
    const text = status.epoch < number
      ? `in epoch ${status.epoch}, the cluster is in epoch ${number}`
      : `claims epoch ${status.epoch}, and shows no chain that leads there from epoch ${number}`;
    return [fault("epoch", text)];
  }
  const faults: Fault[] = [];
  // If two URLs are exchanged, each server holds the key of the other member. That is reported below.
  if (key === "not-held" && status.nodeID === name) {
    faults.push(fault("wrong-key", `the server at this URL does not hold ${name}'s key`));
  }
  if (status.nodeID !== name) {
    faults.push(fault("exchanged", `this is ${status.nodeID}: two members' URLs are exchanged`));
  }
  if (status.halted !== null) faults.push(fault("halted", `halted: ${status.halted}`));
  if (status.storeError !== null) faults.push(fault("store", `its store fails: ${status.storeError}`));
  if (status.recovering) faults.push(fault("lost-disk", "is recovering from a lost disk, and does not vote yet"));
  if (status.transferring) faults.push(fault("transferring", "is fetching the state from the others"));
  faults.push(...progressFaults(report, reckoning));
  if (faults.length === 0 && key === "none" && status.ready) {
    faults.push(
      fault("no-proof", `says that it is ready, but answers no query: unknown whether it holds ${name}'s key`),
    );
  }
  if (faults.length === 0 && !status.ready) {
    faults.push(fault("not-ready", `not ready: ${status.notReady ?? "no reason given"}`));
  }
  return faults;
}

/** Compares a member's claims about its progress with what f + 1 members confirm. */
function progressFaults(report: MemberReport, { now, before, claimedBefore }: Reckoning): Fault[] {
  const { viewID, active, lastExecuted, history } = report.status!;
  const faults: Fault[] = [];
  if (now.view !== null && viewID > now.view) {
    faults.push(
      fault(
        "view",
        `claims view ${viewID}, which fewer than f + 1 members confirm; the others are in view ${now.view}`,
      ),
    );
  } else if (now.view !== null && viewID < now.view) {
    faults.push(fault("view", `in view ${viewID}, the others are in view ${now.view}`));
  } else if (!active) {
    faults.push(fault("view", `waits for view ${viewID} to start`));
  }
  const lag = Math.min(now.executed ?? 0, before.executed ?? 0) - lastExecuted;
  if (lag > TOLERATED_LAG) faults.push({ ...fault("behind", `${lag} batches behind`), isOut: false });
  const claimed = Math.min(lastExecuted, claimedBefore ?? lastExecuted);
  if (now.executed !== null && claimed - now.executed > TOLERATED_LAG) {
    const text =
      `claims ${claimed} executed batches, which fewer than f + 1 members confirm; the others have ${now.executed}`;
    faults.push(fault("claims-executed", text));
  }
  const agreed = now.histories.get(lastExecuted);
  if (agreed !== undefined && agreed !== history) {
    faults.push(fault("diverged", `has executed other batches than f + 1 others up to number ${lastExecuted}`));
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
