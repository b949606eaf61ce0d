/**
 * One replica as a process: a cluster file, a key file, a state file.
 * @module
 */
import { parseArgs } from "node:util";
import type { Store } from "../../node/ports.ts";
import { parseStart, type Start } from "../../node/storage/start.ts";
import { type ServedReplica, serveReplica, systemTimer } from "../../runtime/deno.ts";
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

  --cluster FILE   genesis and URLs of the cluster, as JSON
  --name NAME      which member this is
  --key FILE       its private key, 64 hex digits
  --state FILE     its SQLite file
  --memory         instead of --state: keep the state in memory
  --start WHAT     what the state is: new      this replica has never run; the file is made
                                      resume   what it did before (the default)
                                      recover  it was lost, is an old copy, or damaged:
                   follow the others, and vote only when all that was said before is
                   behind them. Of memory: new at the first start, recover at each other
  --lost-disk      the same as --start recover
  --host HOST      the address to listen on. Left out: the loopback address of the cluster
                   file, or else all, IPv6 and IPv4 (::)
  --port PORT      the port to listen on, if not that of the cluster file
  --log FORMAT     text, or json: one JSON object a line (text)
  --until-eof      stop when standard input ends, as well as on Ctrl-C
  --help           print this

${POLICY_HELP}`;

/** As a shell has it for a program that Ctrl-C ended. */
const FORCED_EXIT_CODE = 130;

/** How often the replica looks whether it has halted, ms. */
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
  const replica = await serve(name, cluster, {
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
  log.write({ event: "serving", message: "serves", fields: { url: replica.url, view, executed: lastExecuted } });
  const stopChecking = sayWhenHalted(replica, log);
  await replica.closed;
  stopChecking();
  log.write({ event: "stopped", message: "stopped" });
  return 0;
}

type ServeOptions = Omit<Parameters<typeof serveReplica>[0], "cluster" | "self">;

async function serve(name: string, cluster: ClusterFile, options: ServeOptions): Promise<ServedReplica> {
  try {
    return await serveReplica({ cluster, self: name, ...options });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new CliError(`${name}: ${options.port ?? cluster.urls[name]}: the port is taken`);
    }
    throw new CliError(`${name}: ${reasonOf(error)}`);
  }
}

/** The file is opened, or made, only once everything else is right. */
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

/** Whoever started the process holds the other end of its input: when it is gone, so is the reason to run. */
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
    const message = "halted: it takes no further part; start it with --lost-disk, and it fetches everything anew";
    log.error({ event: "halted", message, fields: { reason: halted } });
    clearInterval(id);
  }, HALT_CHECK_MS);
  return () => clearInterval(id);
}
