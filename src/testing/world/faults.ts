/**
 * Applies the faults of a plan, and ends them.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { replay } from "../coalitions/replayer.ts";
import { EPOCH_MS } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import { seatOf, type World } from "./world.ts";
import type { Machine } from "../hosts/machine.ts";
import type { Barrier, NetworkHabits, Sieve } from "./network.ts";
import type { Fault, NetworkFault } from "../plan/plan.ts";

/** The setting that each network fault changes. */
const HABITS = {
  "loss": "loss",
  "duplication": "duplication",
  "reordering": "reordering",
  "late-posts": "lateness",
  "cut-posts": "cutting",
  "slow-answers": "dawdling",
  "swallowed-posts": "swallowing",
} as const satisfies { readonly [kind in NetworkFault]: keyof NetworkHabits };

/** No commit of a slow disk takes longer than this many times its mean. */
const SLOWEST = 3;

/** Schedules a fault. Faults that last the whole run (Byzantine replicas, twins) are made with the cluster. */
export function plant(cluster: Cluster, fault: Fault): void {
  const { world: { engine, coverage, trace, narrator } } = cluster;
  if (!("atMs" in fault)) {
    if (fault.kind === "byzantine") {
      for (const behaviour of fault.behaviours) coverage.count("byzantine", behaviour);
    }
    if (fault.kind === "coalition") { for (const scheme of fault.schemes) coverage.count("scheme", scheme); }
    if (fault.kind === "hostile-client") coverage.count("hostile client", fault.behaviour);
    return coverage.count("fault", fault.kind);
  }
  engine.after(fault.atMs, () => {
    if (cluster.isHealed) return;
    coverage.count("fault", fault.kind);
    trace.line("fault", () => wordsOf(fault, cluster));
    narrator?.note(wordsOf(fault, cluster));
    const end = begin(cluster, fault);
    cluster.disturb(1);
    if (!("forMs" in fault)) cluster.disturb(-1);
    if ("forMs" in fault) {
      engine.after(fault.forMs, () => {
        if (cluster.isHealed) return;
        trace.line("fault", () => `${fault.kind} ends`);
        narrator?.note(`${fault.kind}${whose(fault, cluster)} ends`);
        end();
        cluster.disturb(-1);
      });
    }
  });
}

function whose(fault: Fault, { world: { hosts } }: Pick<Cluster, "world">): string {
  return "replica" in fault ? ` of ${hosts.nameOf(fault.replica)}` : "";
}

/** A fault for people. */
export function wordsOf(fault: Fault, cluster: Pick<Cluster, "world">): string {
  const name = (id: ReplicaId) => cluster.world.hosts.nameOf(id);
  const whom = whose(fault, cluster);
  const side = "side" in fault
    ? ` of ${fault.side.map(name).join(" ")}${fault.isOneWay ? ", who are not heard" : ""}`
    : "";
  const who = "members" in fault ? ` of ${fault.members.map(name).join(" ")}: ${fault.schemes.join(", ")}` : "";
  const links = fault.kind === "swallowing-links"
    ? ` from ${fault.from.map(name).join(" ")} to ${fault.to.map(name).join(" ")}`
    : fault.kind === "replays"
    ? ` of ${fault.what} of ${name(fault.of)} to ${name(fault.to)}, ${fault.perSecond} a second`
    : "";
  const lost = "kinds" in fault ? `: ${fault.kinds.join(", ")} to ${fault.to.map(name).join(" ")}` : "";
  const how = "behaviours" in fault
    ? `: ${fault.behaviours.join(", ")}`
    : "behaviour" in fault
    ? `: ${fault.behaviour}`
    : "";
  const many = "part" in fault ? ` of ${Math.round(fault.part * 100)} %` : "ms" in fault ? ` of ${fault.ms} ms` : "";
  const during = "forMs" in fault ? ` for ${fault.forMs.toFixed(0)} ms` : "";
  return `${fault.kind}${whom}${who}${links}${side}${lost}${how}${many}${during}`;
}

/** Begins a fault; returns a function that ends it. */
function begin(cluster: Cluster, fault: Extract<Fault, { readonly atMs: number }>): () => void {
  const { world } = cluster;
  const { network } = world;
  switch (fault.kind) {
    case "crash": {
      const machines = cluster.machinesOf(fault.replica);
      for (const machine of machines) machine.crash();
      return () => startAgain(cluster, machines);
    }
    case "lost-disk": {
      const machines = cluster.machinesOf(fault.replica);
      for (const machine of machines) {
        machine.crash();
        machine.disk.lose();
      }
      tellOfLoss(world, fault.replica, false);
      return () => startAgain(cluster, machines);
    }
    case "old-disk": {
      const copies = cluster.machinesOf(fault.replica).map((machine) => ({ machine, putBack: machine.disk.copy() }));
      return () => {
        for (const { machine, putBack } of copies) {
          machine.crash();
          putBack?.();
        }
        tellOfLoss(world, fault.replica, true);
        startAgain(cluster, copies.map(({ machine }) => machine));
      };
    }
    case "partition": {
      const side = new Set(fault.side);
      const barrier: Barrier = (from, to) => {
        if (from === null || side.has(from.replica) === side.has(to.replica)) return false;
        return fault.isOneWay ? side.has(from.replica) : true;
      };
      network.barriers.add(barrier);
      // The side that is the smaller one is shown as cut off.
      const cut = fault.side.length * 2 <= cluster.ids.length ? fault.side : cluster.ids.filter((id) => !side.has(id));
      for (const id of cut) world.narrator?.condition(id, "cut", true);
      return () => {
        network.barriers.delete(barrier);
        for (const id of cut) world.narrator?.condition(id, "cut", false);
      };
    }
    case "loss":
    case "duplication":
    case "reordering":
    case "late-posts":
    case "cut-posts":
    case "slow-answers":
    case "swallowed-posts": {
      const habit = HABITS[fault.kind];
      network.habits[habit] = (network.habits[habit] ?? 0) + fault.part;
      return () => void (network.habits[habit] = Math.max(0, (network.habits[habit] ?? 0) - fault.part));
    }
    case "slow-refusals":
      network.habits.refusalMs = fault.ms;
      return () => void (network.habits.refusalMs = 0);
    case "swallowing-links": {
      const [from, to] = [new Set(fault.from), new Set(fault.to)];
      const swallows: Barrier = (sender, receiver) =>
        sender !== null && from.has(sender.replica) && to.has(receiver.replica);
      network.swallowers.add(swallows);
      return () => void network.swallowers.delete(swallows);
    }
    case "replays":
      return replay(cluster, fault);
    case "frozen-clock": {
      const clocks = cluster.machinesOf(fault.replica).map(({ clock }) => clock);
      for (const clock of clocks) clock.frozenAt = EPOCH_MS + world.engine.now + clock.skewMs;
      return () => clocks.forEach((clock) => delete clock.frozenAt);
    }
    case "lost-kinds": {
      const [kinds, to] = [new Set<string>(fault.kinds), new Set(fault.to)];
      const sieve: Sieve = (receiver, kind) => to.has(receiver) && kinds.has(kind);
      network.sieves.add(sieve);
      return () => void network.sieves.delete(sieve);
    }
    case "slow-network":
      network.habits.meanLatencyMs += fault.ms;
      network.habits.mostLatencyMs += 10 * fault.ms;
      return () => {
        network.habits.meanLatencyMs -= fault.ms;
        network.habits.mostLatencyMs -= 10 * fault.ms;
      };
    case "isolates": {
      const isolate = cluster.addIsolate(fault.replica);
      return () => cluster.remove(isolate);
    }
    case "clock-jump":
      for (const { clock } of cluster.machinesOf(fault.replica)) clock.skewMs += fault.ms;
      return () => {};
    case "coarse-alarms":
      return change(cluster.machinesOf(fault.replica), ({ clock }) => clock, "alarmMs", fault.ms);
    case "disk-failures":
      return change(cluster.machinesOf(fault.replica), ({ disk }) => disk.habits, "failures", fault.part);
    case "slow-disk": {
      const machines = cluster.machinesOf(fault.replica);
      const ends = [change(machines, ({ disk }) => disk.habits, "commitMs", fault.ms)];
      const mostMs = Math.max(SLOWEST * fault.ms, ...machines.map(({ disk }) => disk.habits.mostMs));
      ends.push(change(machines, ({ disk }) => disk.habits, "mostMs", mostMs));
      return () => ends.forEach((end) => end());
    }
  }
}

/** Starts machines, but no isolate that was removed while it was off. */
function startAgain(cluster: Cluster, machines: readonly Machine[]): void {
  for (const machine of machines) if (cluster.machines.includes(machine)) machine.start();
}

/** A replica does not know any more what it has sent. */
function tellOfLoss(world: World, replica: ReplicaId, isOld: boolean): void {
  for (const each of world.epochs?.all ?? [world]) {
    const seat = seatOf(each, replica);
    if (seat !== null) each.checker.lostDisk(seat, isOld);
  }
}

function change<K extends string>(
  machines: readonly Machine[],
  of: (machine: Machine) => Record<K, number>,
  key: K,
  value: number,
): () => void {
  const before = machines.map((machine) => of(machine)[key]);
  for (const machine of machines) of(machine)[key] = value;
  return () => machines.forEach((machine, i) => of(machine)[key] = before[i]!);
}
