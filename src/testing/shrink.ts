/**
 * Reduces a failing plan for as long as it breaks the same invariant.
 * @module
 */
import type { ReplicaId } from "../core/messages/ids.ts";
import { maxFaulty } from "../core/messages/quorum.ts";
import { type Fault, faultyReplicas, type Plan } from "./plan/plan.ts";
import { run } from "./run.ts";
import type { RunOptions, RunReport } from "./run_options.ts";

/** The effort of a reduction. */
export interface ShrinkOptions extends RunOptions {
  /** Most runs; 200 by default. */
  readonly maxRuns?: number;
  /** Asked before each run: `false` ends the search. The smallest plan so far is run once more, for its trace. */
  readonly goesOn?: () => boolean;
  /** Called with each smaller plan that still fails. */
  readonly onSmaller?: (report: RunReport) => void;
}

/** The report of the smallest plan found that breaks the same invariant, with its trace. */
export async function shrink(
  failed: RunReport,
  { maxRuns = 200, goesOn = () => true, onSmaller, ...options }: ShrinkOptions,
): Promise<RunReport> {
  const invariant = failed.violation?.invariant;
  if (!invariant) throw new TypeError("failed: expected a report with a violation, got one without");
  let best = failed;
  let runs = 0;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const plan of smaller(best)) {
      if (runs++ >= maxRuns || !goesOn()) return await run(best.plan, { ...options, trace: true });
      const report = await run(plan, { ...options, trace: false });
      if (report.violation?.invariant !== invariant) continue;
      best = report;
      isSmaller = true;
      onSmaller?.(report);
      break;
    }
  }
  return await run(best.plan, { ...options, trace: true });
}

/** Plans that are smaller in one way, the much smaller ones first. */
function* smaller({ plan, violation }: RunReport): Iterable<Plan> {
  const { faults, replicas, signedClients, unsignedClients, reconfigurations } = plan;
  const late = faults.filter((fault) => !("atMs" in fault) || fault.atMs <= violation!.atMs);
  if (late.length < faults.length) yield { ...plan, faults: late };
  if (faults.length > 3) {
    const half = faults.length >> 1;
    yield { ...plan, faults: faults.slice(0, half) };
    yield { ...plan, faults: faults.slice(half) };
  }
  for (let i = 0; i < faults.length; i++) yield { ...plan, faults: faults.filter((_, other) => other !== i) };
  for (const n of [4, replicas - 1]) {
    const fitting = faults.filter((fault) => fits(fault, n));
    const fewer = { ...plan, replicas: n, faults: fitting.map((fault) => within(fault, n)) };
    if (n >= 4 && n < replicas && !reconfigurations && faultyReplicas(fewer).length <= maxFaulty(n)) yield fewer;
  }
  if (reconfigurations) {
    const { theft, ...rest } = reconfigurations;
    if (theft) yield { ...plan, reconfigurations: rest };
    const changes = reconfigurations.changes.slice(0, -1);
    if (changes.length > 0) yield { ...plan, reconfigurations: { ...reconfigurations, changes } };
  }
  const clients = signedClients.length + unsignedClients.length;
  if (clients > 1 && signedClients.length > 0) yield { ...plan, signedClients: signedClients.slice(1) };
  if (clients > 1 && unsignedClients.length > 0) yield { ...plan, unsignedClients: unsignedClients.slice(1) };
  for (const key of ["signedClients", "unsignedClients"] as const) {
    if (!plan[key].some(({ operations }) => operations > 4)) continue;
    yield { ...plan, [key]: plan[key].map((own) => ({ ...own, operations: Math.ceil(own.operations / 2) })) };
  }
  if (plan.durationMs > 2_000) {
    yield { ...plan, durationMs: Math.ceil(plan.durationMs / 2) };
    yield { ...plan, durationMs: Math.ceil(plan.durationMs * 0.8) };
  }
  if (plan.coldReplicas.length > 0) {
    yield { ...plan, coldReplicas: [] };
    yield { ...plan, coldReplicas: plan.coldReplicas.slice(1) };
  }
  if (plan.skewsMs.some((skew) => skew !== 0)) yield { ...plan, skewsMs: [] };
  for (const [i, fault] of faults.entries()) {
    for (const simpler of simplified(fault)) yield { ...plan, faults: faults.map((old, j) => j === i ? simpler : old) };
  }
}

function fits(fault: Fault, n: number): boolean {
  if (fault.kind === "replays") return fault.of < n && fault.to < n;
  if (fault.kind === "coalition") return fault.members.some((id) => id < n);
  return !("replica" in fault) || fault.replica < n;
}

function within(fault: Fault, n: number): Fault {
  if (fault.kind === "swallowing-links") {
    const inside = (ids: readonly ReplicaId[]) => ids.filter((id) => id < n);
    return { ...fault, from: inside(fault.from), to: inside(fault.to) };
  }
  if (fault.kind === "lost-kinds") return { ...fault, to: fault.to.filter((id: ReplicaId) => id < n) };
  if (fault.kind === "coalition") return { ...fault, members: fault.members.filter((id: ReplicaId) => id < n) };
  if (fault.kind !== "partition") return fault;
  return { ...fault, side: fault.side.filter((id: ReplicaId) => id < n) };
}

function* simplified(fault: Fault): Iterable<Fault> {
  if (fault.kind === "byzantine" && fault.behaviours.length > 1) {
    for (const behaviour of fault.behaviours) {
      yield {
        ...fault,
        behaviours: fault.behaviours.filter((b) => b !== behaviour),
      };
    }
  }
  if (fault.kind === "coalition" && fault.schemes.length > 1) {
    for (const scheme of fault.schemes) {
      yield { ...fault, schemes: fault.schemes.filter((other) => other !== scheme) };
    }
  }
  if ("forMs" in fault && fault.forMs > 100) yield { ...fault, forMs: fault.forMs / 2 };
}
