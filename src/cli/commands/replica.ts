/**
 * Runs one replica as a process, with a cluster file, a key file and a state file.
 * @module
 */
import { parseArgs } from "node:util";
import type { Store } from "../../node/ports.ts";
import { parseStart, type Start } from "../../node/storage/start.ts";
import { serve, type ServedReplica, systemTimer } from "../../runtime/deno.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { type ClusterFile, parseClusterText } from "../../wire/mod.ts";
import { CliError, reasonOf, runCommand } from "../cli_error.ts";
import { readKey } from "../key_file.ts";
import { Log } from "../../runtime/log/log.ts";
import { LOG_OPTION, logFormatOf } from "./log_option.ts";
import { natural } from "../numbers.ts";
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from "./policy_options.ts";
import { listenForStop } from "../stop_signals.ts";

const HELP = `Runs one replica of a cluster.

  deno run -A src/cli/commands/replica.ts --cluster FILE --name NAME --key FILE --state FILE [options]

  --cluster FILE   the cluster file: genesis and URLs, as JSON
  --name NAME      the member to run
  --key FILE       its private key, 64 hex digits
  --state FILE     its SQLite file
  --memory         keep the state in memory, instead of --state
  --start WHAT     the state at this start:
                     new      this replica has never run; the file is created
                     resume   the state of its last run (default)
                     recover  it is lost, damaged or an old copy: the replica follows the others,
                              and votes only on numbers that it cannot have voted on before
                   With --memory: new at the first start, recover at each later one
  --lost-disk      the same as --start recover
  --host HOST      the address to listen on. Default: the loopback address in the cluster file,
                   or else all addresses, IPv6 and IPv4 (::)
  --port PORT      the port to listen on. Default: the port in the cluster file
  --log FORMAT     text, or json: one JSON object per line (text)
  --until-eof      stop when standard input ends, as well as on Ctrl-C
  --help           print this help

${POLICY_HELP}`;

/** The exit code that shells use for a program that Ctrl-C ended. */
const FORCED_EXIT_CODE = 130;

/** How often the process checks whether the replica has halted, ms. */
const HALT_CHECK_MS = 1_000;

if (import.meta.main) await runCommand(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const name = required(values.name, "name");
  const port = values.port === undefined ? undefined : natural("--port", values.port, { max: 65_535 });
  if (values.host !== undefined) required(values.host, "host");
  const store = storeOf(values);
  const format = logFormatOf(values);
  const cluster = readCluster(required(values.cluster, "cluster"));
  const { privateKey, warning } = readKey(required(values.key, "key"));
  const members = cluster.genesis.replicas.map((member) => member.name);
  const log = new Log({ name, members, format, secrets: [privateKey], timer: systemTimer() });
  if (warning) log.warn({ event: "key-readable", message: warning });
  const { requested, forced } = listenForStop();
  forced.addEventListener("abort", () => Deno.exit(FORCED_EXIT_CODE), { once: true });
  const signal = values["until-eof"] ? AbortSignal.any([requested, endOfInput()]) : requested;
  const replica = await serveMember(name, cluster, {
    privateKey,
    store,
    start: startOption(values),
    hostname: values.host,
    port,
    observers: [log],
    app: { ...policyOf(values), onInternalError: (error) => log.defect("a request met a defect", error) },
    signal,
  });
  const { lastExecuted, view } = replica.node.status().replica;
  log.write({
    event: "serving",
    message: "serving requests",
    fields: { url: replica.url, view, executed: lastExecuted },
  });
  const stopChecking = sayWhenHalted(replica, log);
  await replica.closed;
  stopChecking();
  log.write({ event: "stopped", message: "stopped" });
  return 0;
}

type ServeOptions = Omit<Parameters<typeof serve>[0], "cluster" | "self">;

async function serveMember(name: string, cluster: ClusterFile, options: ServeOptions): Promise<ServedReplica> {
  try {
    return await serve({ cluster, self: name, ...options });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new CliError(`${name}: ${options.port ?? cluster.urls[name]}: the port is taken`);
    }
    throw new CliError(`${name}: ${reasonOf(error)}`);
  }
}

/** The store, or the path of its file. The file is opened only after everything else was checked. */
function storeOf({ state, memory }: { readonly state?: string; readonly memory?: boolean }): Store | string {
  if (memory && state !== undefined) throw new CliError("--memory and --state: choose one (see --help)", 2);
  return memory ? new MemoryStore() : required(state, "state");
}

function startOption(values: { readonly start?: string; readonly "lost-disk"?: boolean }): Start | undefined {
  const lost = values["lost-disk"] ? "recover" : undefined;
  if (values.start === undefined) return lost;
  if (lost && values.start !== lost) {
    throw new CliError(`--start ${values.start} and --lost-disk contradict each other (see --help)`, 2);
  }
  try {
    return parseStart(values.start, "--start");
  } catch (error) {
    throw new CliError(`${reasonOf(error)} (see --help)`, 2);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        cluster: { type: "string" },
        name: { type: "string" },
        key: { type: "string" },
        state: { type: "string" },
        memory: { type: "boolean" },
        start: { type: "string" },
        "lost-disk": { type: "boolean" },
        host: { type: "string" },
        port: { type: "string" },
        ...LOG_OPTION,
        ...POLICY_OPTIONS,
        "until-eof": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new CliError(`${(error as Error).message.split(/\. |\n/, 1)[0]} (see --help)`, 2);
  }
}

function required(value: string | undefined, option: string): string {
  if (value !== undefined && value !== "") return value;
  throw new CliError(`--${option}: expected a value, got nothing (see --help)`, 2);
}

function readCluster(path: string): ClusterFile {
  try {
    return parseClusterText(Deno.readTextFileSync(path));
  } catch (error) {
    throw new CliError(`${path}: ${reasonOf(error)}`);
  }
}

/** Aborts when standard input ends: then the process that started this one is gone, and this one must stop too. */
function endOfInput(): AbortSignal {
  const controller = new AbortController();
  const drain = async () => {
    try {
      await Deno.stdin.readable.pipeTo(new WritableStream());
    } finally {
      controller.abort();
    }
  };
  drain().catch(() => {});
  return controller.signal;
}

function sayWhenHalted(replica: ServedReplica, log: Log): () => void {
  const id = setInterval(() => {
    const { halted } = replica.node.status();
    if (halted === undefined) return;
    const message =
      "halted: the replica no longer takes part; start it with --start recover to fetch the state from the others";
    log.error({ event: "halted", message, fields: { reason: halted } });
    clearInterval(id);
  }, HALT_CHECK_MS);
  return () => clearInterval(id);
}
