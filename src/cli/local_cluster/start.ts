/**
 * Starts the processes of a local cluster.
 * @module
 */
import { checkStates, clusterPath, hasState, replicaFiles } from "./data.ts";
import { ChildReplica } from "./child_replica.ts";
import type { Notices } from "./output.ts";
import type { LocalOptions, Prepared } from "./prepare.ts";
import { Supervisor } from "./supervisor.ts";

/** A cluster whose processes were started. */
export interface Running {
  readonly supervisor: Supervisor;
  /**
   * Runs `restart`, which stops all replicas and starts them again, for a cluster in memory: they begin anew together.
   */
  renew<T>(restart: () => Promise<T>): Promise<T>;
}

/**
 * Starts all replicas. `onLine` gets the lines that they print; without it they are printed.
 * @throws {CliError} if more states are lost than the cluster tolerates.
 */
export function startReplicas(
  { folder, cluster }: Prepared,
  options: LocalOptions,
  output: Notices,
  onLine?: (name: string, line: string) => void,
): Running {
  const names = cluster.genesis.replicas.map(({ name }) => name);
  const { memory, machine, log, policy, restart } = options;
  let isNew = checkStates(folder, names);
  const start = (name: string) => {
    const files = replicaFiles(folder, name);
    const args = ["--cluster", clusterPath(folder), "--name", name, "--key", files.key];
    args.push(...(memory ? ["--memory"] : ["--state", files.state]));
    if (!hasState(folder, name)) args.push("--start", isNew ? "new" : "recover");
    if (machine) {
      args.push("--guard", "--machine", machine.path, ...(machine.exportName ? ["--export", machine.exportName] : []));
    }
    // Everything here belongs to the person who runs it.
    const payloads = policy.includes("--event-payloads") ? [] : ["--event-payloads", "yes"];
    args.push("--log", log, ...payloads, ...policy);
    return new ChildReplica({
      name,
      url: cluster.urls[name]!,
      args,
      folder,
      machine: machine?.path,
      ...(onLine && { onLine: (line: string) => onLine(name, line) }),
    });
  };
  const supervisor = new Supervisor({ names, start, restart, output, onReady: () => isNew = false });
  return {
    supervisor,
    async renew(restart) {
      isNew = true;
      try {
        return await restart();
      } finally {
        isNew = false;
      }
    },
  };
}
