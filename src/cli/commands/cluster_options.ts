/**
 * The arguments of `deno task cluster`.
 * @module
 */
import { parseArgs } from "node:util";
import { CliError } from "../cli_error.ts";
import type { LogFormat } from "../../runtime/log/log.ts";
import { LOG_OPTION, logFormatOf } from "./log_option.ts";
import { POLICY_HELP, POLICY_OPTIONS, policyArgs, policyOf } from "./policy_options.ts";
import { MAX_REPLICAS } from "../local_cluster/member_names.ts";
import { natural } from "../numbers.ts";
import { BAD_PORTS } from "../local_cluster/ports.ts";

/** The options of `deno task cluster`. */
export interface ClusterOptions {
  /** The number of replicas. `undefined`: as many as the folder has, or four. */
  readonly replicas?: number;
  /** The first replica's port. 0: any free ports. `undefined`: the same ports as before, or from 1111. */
  readonly port?: number;
  readonly data: string;
  readonly memory: boolean;
  readonly fresh: boolean;
  readonly restart: boolean;
  readonly log: LogFormat;
  readonly help: boolean;
  /** The policy of the replicas, as arguments for each. */
  readonly policy: readonly string[];
}

/** What `--help` prints. */
export const CLUSTER_HELP = `Runs a cluster of PBFT replicas on this machine, each in its own process.

  deno task cluster [options]

  --replicas N   number of replicas: 4 to ${MAX_REPLICAS}, or 1 for experiments (4)
  --port P       port of the first replica; the others follow; 0: any free ports (1111)
  --data DIR     folder for keys and states (.pbft)
  --memory       keep states in memory only: they are lost at the end
  --fresh        delete what an earlier cluster left in the data folder
  --restart      restart a replica whose process dies
  --log FORMAT   text, or json: one JSON object per line (text)
  --help         print this help

${POLICY_HELP}

Ctrl-C stops all replicas. The same command starts them again with their data.`;

/** Parses the arguments. @throws {CliError} that says what is wrong with them. */
export function parseClusterOptions(args: readonly string[]): ClusterOptions {
  const values = parse(args);
  const replicas = values.replicas === undefined ? undefined : natural("--replicas", values.replicas);
  if (replicas !== undefined && replicas !== 1 && !(replicas >= 4 && replicas <= MAX_REPLICAS)) {
    throw usage(`--replicas: expected 4 to ${MAX_REPLICAS}, or 1, got ${replicas}`);
  }
  const port = values.port === undefined ? undefined : natural("--port", values.port, { max: 65_535 });
  if (values.memory && values.restart) {
    throw usage("--memory and --restart: a replica that lost its memory could contradict its own votes; choose one");
  }
  const { data = ".pbft", memory = false, fresh = false, restart = false, help = false } = values;
  policyOf(values);
  if (data === "") throw usage("--data: expected a folder, got nothing");
  return { replicas, port, data, memory, fresh, restart, log: logFormatOf(values), help, policy: policyArgs(values) };
}

/** Checks that clients can use these ports. @throws {CliError} if not. */
export function checkPorts(ports: readonly number[]): void {
  for (const port of ports) {
    if (port < 1024 || port > 65_535) throw usage(`--port: expected all ports from 1024 to 65535, got ${port}`);
    if (BAD_PORTS.has(port)) throw usage(`--port: fetch refuses port ${port}; choose another range`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        replicas: { type: "string" },
        port: { type: "string" },
        data: { type: "string" },
        memory: { type: "boolean" },
        fresh: { type: "boolean" },
        restart: { type: "boolean" },
        ...LOG_OPTION,
        ...POLICY_OPTIONS,
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw usage((error as Error).message.split(/\. |\n/, 1)[0]!);
  }
}

function usage(message: string): CliError {
  return new CliError(`${message} (see --help)`, 2);
}
