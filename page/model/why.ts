/** One sentence: why a number, a replica or the cluster waits. */
import { type Cell, type ClusterView, leaderOf, type ReplicaView, STAGES } from "./replica_view.ts";
import { listOf } from "./words.ts";

/** Whether a replica can take part, as far as is known. */
function isUp(replica: ReplicaView): boolean {
  return replica.process === "running" && replica.unreachable === null && replica.halted === null &&
    !replica.recovering;
}

/** The cluster in a sentence. */
export function whyCluster(view: ClusterView): string {
  const { facts: { members, quorum, faulty }, replicas } = view;
  const up = replicas.filter(isUp).length;
  if (up < quorum) {
    return `${up} of ${members.length} take part, ${quorum} are needed: nothing is decided until more are back.`;
  }
  const leader = leaderOf(view);
  const leaving = replicas.filter((replica) => isUp(replica) && !replica.active).length;
  if (leaving > 0) return `A view change is under way: ${leaving} wait for view ${leader.view} to start.`;
  const left = up - quorum;
  const more = left === 0 ? "one more failure stops the cluster" : `${Math.min(left, faulty)} more may fail`;
  return `${
    members[leader.primary]
  } leads view ${leader.view}. ${up} of ${members.length} take part, ${quorum} are needed: ${more}.`;
}

/** A replica in a sentence. */
export function whyReplica(view: ClusterView, id: number): string {
  const replica = view.replicas[id]!;
  const name = view.facts.members[id]!;
  if (replica.process === "stopped") {
    return `${name} is stopped. When it starts, it reads its store, asks the others for what it missed, and votes again.`;
  }
  if (replica.process === "cut") return `${name} runs, and exchanges nothing with the others. They go on without it.`;
  if (replica.process === "lying") {
    return `${name} may send anything in its own name, and nothing in another's. Up to f = ${view.facts.faulty} such ${
      view.facts.faulty === 1 ? "replica changes" : "replicas change"
    } nothing for the others.`;
  }
  if (replica.process === "paused") {
    return `${name} is paused, so it answers nothing; to the others it looks like a dead one.`;
  }
  if (replica.unreachable !== null) return `The page cannot read ${name}: ${replica.unreachable}.`;
  if (replica.halted !== null) return `${name} has halted: ${replica.halted}.`;
  if (replica.recovering) {
    return `${name} has lost what it knew. It follows the others, and votes again once a checkpoint above its earlier votes is stable.`;
  }
  const most = Math.max(...view.replicas.map(({ executed }) => executed));
  if (replica.transferring) {
    return `${name} was away for long, so it fetches the state from the others and checks it against a checkpoint.`;
  }
  if (!replica.active) {
    return `${name} has left its view, and waits until ${
      view.facts.members[replica.primary]
    } starts view ${replica.view}.`;
  }
  if (replica.executed < most) {
    return `${name} is ${most - replica.executed} numbers behind; the others send it what it lacks.`;
  }
  if (replica.primary === id) return `${name} is the primary of view ${replica.view}: it gives each batch its number.`;
  return `${name} is a backup in view ${replica.view} and has executed all that is decided.`;
}

/** A number in a sentence. */
export function whyNumber(view: ClusterView, sequence: number): string {
  const { facts: { members, quorum }, replicas } = view;
  const stages = replicas.map((replica) => stageOf(replica, sequence));
  const done = stages.filter((stage) => stage === "executed").length;
  if (done === members.length) return `All have executed ${sequence}.`;
  const who = (wanted: (id: number) => boolean) => listOf(members.filter((_, id) => wanted(id)));
  if (done > 0) {
    return `${who((id) => stages[id] === "executed")} ${done > 1 ? "have" : "has"} executed ${sequence}; ` +
      `${who((id) => stages[id] !== "executed")} will, once the commits arrive.`;
  }
  const best = replicas.map((replica, id) => ({ id, cell: replica.cells.get(sequence) }))
    .filter((one): one is { id: number; cell: Cell } => one.cell !== undefined)
    .sort((a, b) => rank(b.cell) - rank(a.cell))[0];
  if (!best) return `Nobody has proposed ${sequence} yet.`;
  const name = members[best.id]!;
  const { cell } = best;
  if (cell.stage === "prepared" || cell.stage === "committed") {
    return `${name} has ${cell.commits.size} of ${quorum} commits for ${sequence}.`;
  }
  if (cell.stage === "pre-prepared") {
    return `${name} has the proposal and ${cell.prepares.size} of ${quorum - 1} prepares for ${sequence}.`;
  }
  return cell.proposed
    ? `${name} has seen a proposal for ${sequence}.`
    : `${name} has votes for ${sequence}, and waits for the proposal.`;
}

/** How far a number has come at a replica. */
export function stageOf(replica: ReplicaView, sequence: number): Cell["stage"] {
  return sequence <= replica.executed && sequence > 0 ? "executed" : replica.cells.get(sequence)?.stage ?? null;
}

function rank(cell: Cell): number {
  return (cell.stage === null ? -1 : STAGES.indexOf(cell.stage)) * 100 + cell.commits.size * 10 + cell.prepares.size;
}
