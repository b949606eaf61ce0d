/**
 * The flags of `cluster`.
 * @module
 */
import { CliError, EXIT } from "../cli_error.ts";
import type { LogFormat } from "../../runtime/log/log.ts";
import { LOG_FLAG } from "./log_option.ts";
import { POLICY_FLAGS, policyArgs, policyOf } from "./policy_options.ts";
import { MAX_REPLICAS } from "../local_cluster/member_names.ts";
import { natural } from "../numbers.ts";
import { PAGE_PORT } from "../page/port.ts";
import { checkPorts, type LocalOptions } from "../local_cluster/prepare.ts";
import { TELEMETRY_FLAG, telemetryShare } from "./telemetry_option.ts";
import { parse } from "../parser/parse.ts";
import type { Flags, Values } from "../parser/verb.ts";

export { checkPorts };

/** The options of `cluster`. */
export interface ClusterOptions extends LocalOptions {
  /** The port of the page; `null`: no page; 0: any. */
  readonly page: number | null;
  readonly help: boolean;
}

/** The flags of `cluster`. */
export const CLUSTER_FLAGS = {
  "replicas": { value: "N", help: `number of replicas: 4 to ${MAX_REPLICAS}, or 1 for experiments (4)` },
  "port": { value: "P", help: "port of the first replica; the others follow; 0: any free ports (1111)" },
  "data": { value: "DIR", isFile: true, help: "folder for keys and states (.pbft)" },
  "memory": { help: "keep states in memory only: they are lost at the end" },
  "fresh": { help: "delete what an earlier cluster left in the data folder", isLocal: true },
  "page": {
    value: "PORT",
    help: "port of the live page, on this machine only; 0: any free port; none: no page (1110, or a free one)",
  },
  "restart": { help: "restart a replica whose process dies" },
  ...LOG_FLAG,
  ...TELEMETRY_FLAG,
  ...POLICY_FLAGS,
} as const satisfies Flags;

/** Parses the arguments. @throws {CliError} that names the fault. */
export function parseClusterOptions(args: readonly string[]): ClusterOptions {
  const { values, isHelp } = parse({ name: "cluster", flags: CLUSTER_FLAGS }, args);
  return clusterOptionsOf(values, isHelp);
}

/** Checks the values of the flags. @throws {CliError} that names the fault. */
export function clusterOptionsOf(values: Values<typeof CLUSTER_FLAGS>, help = false): ClusterOptions {
  const replicas = values.replicas === undefined ? undefined : natural("--replicas", values.replicas);
  if (replicas !== undefined && replicas !== 1 && !(replicas >= 4 && replicas <= MAX_REPLICAS)) {
    throw usage(`--replicas: expected 4 to ${MAX_REPLICAS}, or 1, got ${replicas}`);
  }
  const port = values.port === undefined ? undefined : natural("--port", values.port, { max: 65_535 });
  if (values.memory && values.restart) {
    throw usage("--memory and --restart: a replica that lost its memory could contradict its own votes; choose one");
  }
  const { data = ".pbft", memory = false, fresh = false, restart = false, log = "text" } = values;
  policyOf(values);
  if (data === "") throw usage("--data: expected a folder, got nothing");
  const page = values.page === "none" ? null : natural("--page", values.page ?? `${PAGE_PORT}`, { max: 65_535 });
  if (values.telemetry !== undefined) telemetryShare(values.telemetry);
  const telemetry = values.telemetry === undefined ? [] : ["--telemetry", values.telemetry];
  const policy = [...policyArgs(values), ...telemetry];
  return { replicas, port, page, data, memory, fresh, restart, log: log as LogFormat, help, policy };
}

function usage(message: string): CliError {
  return new CliError(`${message} (see --help)`, EXIT.usage);
}
