/**
 * Starts the processes of a local cluster.
 * @module
 */
import { checkStates, clusterPath, hasState, replicaFiles } from "./data.ts";
import { ChildReplica } from "./child_replica.ts";
import type { Notices } from "./output.ts";
import type { LocalOptions, Prepared } from "./prepare.ts";
import { Supervisor } from "./supervisor.ts";

/** Starts all replicas. @throws {CliError} if more states are lost than the cluster tolerates. */
export function startReplicas({ folder, cluster }: Prepared, options: LocalOptions, output: Notices): Supervisor {
  const names = cluster.genesis.replicas.map(({ name }) => name);
  const { memory, machine, log, policy, restart } = options;
  let isNew = checkStates(folder, names);
  const start = (name: string) => {
    const files = replicaFiles(folder, name);
    const args = ["--cluster", clusterPath(folder), "--name", name, "--key", files.key];
    args.push(...(memory ? ["--memory"] : ["--state", files.state]));
    if (!hasState(folder, name)) args.push("--start", isNew ? "new" : "recover");
    if (machine) args.push("--machine", machine.path, ...(machine.exportName ? ["--export", machine.exportName] : []));
    args.push("--log", log, ...policy);
    return new ChildReplica({ name, url: cluster.urls[name]!, args, folder, machine: machine?.path });
  };
  return new Supervisor({ names, start, restart, output, onReady: () => isNew = false });
}
