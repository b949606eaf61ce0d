/** The state of the replicas, as far as their events tell it. */
import type { ClusterFacts, Entry, PageEvent, ProcessState } from "./event.ts";

/** How far a number has come at a replica. */
export type CellStage = "pre-prepared" | "prepared" | "committed" | "executed";

/** The stages in their order. */
export const STAGES: readonly CellStage[] = ["pre-prepared", "prepared", "committed", "executed"];

/** One number at one replica. */
export interface Cell {
  stage: CellStage | null;
  view: number;
  operations: number;
  /** Members whose votes have arrived here, its own included. */
  readonly prepares: Set<number>;
  readonly commits: Set<number>;
  proposed: boolean;
}

/** One replica. */
export interface ReplicaView {
  view: number;
  primary: number;
  active: boolean;
  executed: number;
  low: number;
  high: number;
  process: ProcessState;
  /** What left it since then may be a lie, ms; `null`: it is correct as far as is known. */
  liesSince: number | null;
  unreachable: string | null;
  halted: string | null;
  transferring: boolean;
  /** It follows the others and does not vote. */
  recovering: boolean;
  life: number;
  readonly cells: Map<number, Cell>;
}

/** The cluster at a moment. */
export interface ClusterView {
  readonly facts: ClusterFacts;
  readonly replicas: readonly ReplicaView[];
}

/** Numbers below the low watermark that are kept, for the table. */
const KEPT_BELOW = 24;

/** A cluster of which nothing is known yet. */
export function newClusterView(facts: ClusterFacts): ClusterView {
  const replicas = facts.members.map((): ReplicaView => ({
    ...{
      view: 0,
      primary: 0,
      active: true,
      executed: 0,
      low: 0,
      high: 0,
      process: "running",
      unreachable: null,
      liesSince: null,
    },
    ...{ halted: null, transferring: false, recovering: false, life: 0, cells: new Map() },
  }));
  return { facts, replicas };
}

/** A copy that later events do not change. */
export function copyOf({ facts, replicas }: ClusterView): ClusterView {
  const copyCell = (cell: Cell): Cell => ({
    ...cell,
    prepares: new Set(cell.prepares),
    commits: new Set(cell.commits),
  });
  return {
    facts,
    replicas: replicas.map((replica) => ({
      ...replica,
      cells: new Map([...replica.cells].map(([sequence, cell]) => [sequence, copyCell(cell)])),
    })),
  };
}

/** Changes the view by one event. */
export function apply({ facts, replicas }: ClusterView, { replica: id, event, at }: Entry): void {
  const replica = replicas[id];
  if (!replica) return;
  if (event.kind !== "state" && event.kind !== "unreachable") replica.unreachable = null;
  switch (event.kind) {
    case "snapshot":
      return onSnapshot(replica, event);
    case "state":
      replica.process = event.state;
      if (event.state === "stopped") replica.active = false;
      if (event.state === "lying") replica.liesSince ??= at;
      return;
    case "unreachable":
      replica.unreachable = event.reason;
      return;
    case "stage":
      return onStage(replica, event);
    case "view-change":
      Object.assign(replica, { view: event.view, primary: event.view % facts.members.length, active: false });
      return dropOpen(replica);
    case "new-view":
      Object.assign(replica, { view: event.view, primary: event.primary, active: true });
      return;
    case "checkpoint-stable":
      Object.assign(replica, { high: replica.high + event.sequence - replica.low, low: event.sequence });
      for (const sequence of replica.cells.keys()) {
        if (sequence < event.sequence - KEPT_BELOW) replica.cells.delete(sequence);
      }
      return;
    case "recovered":
      replica.recovering = false;
      return;
    case "old-copy":
      replica.recovering = true;
      return;
    case "state-transfer":
      replica.transferring = event.phase === "started";
      if (event.phase === "finished") replica.executed = Math.max(replica.executed, event.sequence);
      return;
    case "sent":
      return onVote(replica, id, event.message);
    case "taken":
      if (typeof event.from === "number") onVote(replica, event.from, event.message);
      return;
    default:
      return;
  }
}

function onSnapshot(replica: ReplicaView, snapshot: Extract<PageEvent, { readonly kind: "snapshot" }>): void {
  const { life, view, primary, active, executed, low, high, slots, halted, recovering } = snapshot;
  if (life !== replica.life) replica.cells.clear();
  Object.assign(replica, { life, view, primary, active, executed, low, high, halted, recovering, transferring: false });
  for (const { sequence, stage } of slots) {
    if (stage === "idle") continue;
    const cell = cellOf(replica, sequence);
    cell.stage = later(cell.stage, sequence <= executed ? "executed" : stage as CellStage);
    cell.view = view;
  }
}

function onStage(replica: ReplicaView, event: Extract<PageEvent, { readonly kind: "stage" }>): void {
  const cell = cellOf(replica, event.sequence);
  cell.stage = later(cell.stage, event.stage);
  cell.view = event.view;
  cell.operations = Math.max(cell.operations, event.operations);
  if (event.stage === "executed") replica.executed = Math.max(replica.executed, event.sequence);
}

function onVote(
  replica: ReplicaView,
  from: number,
  { kind, view, sequence }: { readonly kind: string; readonly view?: number; readonly sequence?: number },
): void {
  if (sequence === undefined || (kind !== "pre-prepare" && kind !== "prepare" && kind !== "commit")) return;
  const cell = cellOf(replica, sequence);
  // Votes of an earlier view prove nothing in a later one.
  if (view !== undefined && view > cell.view && cell.stage !== "executed") {
    cell.prepares.clear();
    cell.commits.clear();
    cell.view = view;
  }
  if (kind === "pre-prepare") cell.proposed = true;
  else (kind === "prepare" ? cell.prepares : cell.commits).add(from);
}

function cellOf(replica: ReplicaView, sequence: number): Cell {
  let cell = replica.cells.get(sequence);
  if (!cell) {
    cell = { stage: null, view: 0, operations: 0, prepares: new Set(), commits: new Set(), proposed: false };
    replica.cells.set(sequence, cell);
  }
  return cell;
}

/** What was not executed begins anew in the next view. */
function dropOpen({ cells }: ReplicaView): void {
  for (const [sequence, { stage }] of cells) if (stage !== "executed") cells.delete(sequence);
}

function later(before: CellStage | null, now: CellStage): CellStage {
  return before !== null && STAGES.indexOf(before) > STAGES.indexOf(now) ? before : now;
}

/** The view that most replicas are in, and its primary. */
export function leaderOf({ replicas }: ClusterView): { readonly view: number; readonly primary: number } {
  const up = replicas.filter(({ process, unreachable }) => process !== "stopped" && unreachable === null);
  const among = up.length > 0 ? up : replicas;
  const best = among.reduce((most, one) => (one.view > most.view ? one : most), among[0]!);
  const count = among.filter(({ view }) => view === best.view).length;
  if (2 * count > among.length) return best;
  const views = among.map(({ view }) => view).sort((a, b) => a - b);
  return among.find(({ view }) => view === views[Math.floor((views.length - 1) / 2)])!;
}

/** A replica in a word. */
export function wordFor(replica: ReplicaView): string {
  if (replica.process !== "running") {
    return { stopped: "stopped", paused: "paused", cut: "cut off", lying: "lying" }[replica.process];
  }
  if (replica.unreachable !== null) return "unreachable";
  if (replica.halted !== null) return "halted";
  if (replica.transferring || replica.recovering) return "recovering";
  return replica.active ? "well" : "changes view";
}
