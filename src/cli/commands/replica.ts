/**
 * `serve`: runs one replica as a process, with a cluster file, a key file and a state file.
 * @module
 */
import process from "node:process";
import type { Store } from "../../node/ports.ts";
import { type Start, STARTS } from "../../node/storage/start.ts";
import { Log, type LogFormat, type ServedReplica, type ServeOptions, systemTimer } from "../../runtime/process.ts";
import { folderStorage } from "../../snapshot/storage/folder.ts";
import { guardMachine } from "../../testing/machine/guard.ts";
import { holdGlobals } from "../../guard/globals.ts";
import { MemoryStore } from "../../stores/memory.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import { importKeyPair } from "../../crypto/mod.ts";
import { CliError, codeOf, EXIT, reasonOf, runCommand } from "../cli_error.ts";
import { readCluster } from "../find_cluster.ts";
import { readKey } from "../key_file.ts";
import { readChain } from "../members/chain_file.ts";
import { isLaterKey, keySchedule, stateFileOf } from "../members/key_schedule.ts";
import { loadMachine, wrapped } from "../machine/load.ts";
import { loadSafely } from "../machine/load_safely.ts";
import { natural } from "../numbers.ts";
import { runVerb } from "../parser/dispatch.ts";
import { EXPORT_FLAG } from "../parser/flags.ts";
import { required } from "../parser/required.ts";
import { type Call, defineVerb, type Flags } from "../parser/verb.ts";
import { RUNTIME } from "../runtime.ts";
import { scheduleOf, SNAPSHOT_FLAGS } from "../snapshots/schedule_flags.ts";
import { listenForStop } from "../stop_signals.ts";
import { CutOff } from "../local_cluster/cut_off.ts";
import type { Page } from "../../page/page.ts";
import { VERSION } from "../version.ts";
import { LOG_FLAG } from "./log_option.ts";
import { sayWhenHalted, servingEntry, stoppedEntry } from "./serve_log.ts";
import { POLICY_FLAGS, policyOf } from "./policy_options.ts";
import { createTelemetry, TELEMETRY_FLAG, telemetryShare } from "./telemetry_option.ts";

const FLAGS = {
  "cluster": { value: "FILE", isFile: true, help: "the cluster file: genesis and URLs, as JSON" },
  "name": { value: "NAME", help: "the member to run" },
  "key": { value: "FILE", isFile: true, help: "its private key, 64 hex digits" },
  "state": { value: "FILE", isFile: true, help: "its SQLite file" },
  "chain": {
    value: "FILE",
    isFile: true,
    help:
      "for a member that is not in the genesis: the file with the chain of epochs that pbft members chain writes (the JSON " +
      "of GET /epochs), or that JSON itself. The chain has its URL, where it listens; a replica that is not in the chain yet needs --port, and waits until it is a member",
  },
  "join": {
    value: "URL",
    isList: true,
    help: "a running member to ask for the chain, for a member that is not in the genesis; may be repeated",
  },
  "origin": {
    value: "FOLDER",
    isFile: true,
    help:
      "the folder with the snapshot with which the cluster begins (pbft init --from). It is read while the state file has no state: with --start new, or with recover",
  },
  "when-removed": {
    value: "WHAT",
    choices: ["stop", "serve"],
    help: "what it does when it is not a member any more and the others do not need it: stop (default), or serve: it " +
      "continues to serve the chain and the state",
  },
  "rotate-key-every": {
    value: "TIME",
    help: "give this member a new key at intervals, such as 30d: it replaces the file of --key once it is in force. " +
      "Enough of the other members must run with --approve-rotations",
  },
  "approve-rotations": {
    help:
      "approve without a person that another member changes its key, if its present key has signed this and nothing else changes",
  },
  "memory": { help: "keep the state in memory, instead of --state" },
  "start": {
    value: "WHAT",
    choices: STARTS,
    help: "the state at this start: new (this replica has never run; the file is created), resume (the state of its " +
      "last run; default), recover (it is lost, damaged or an old copy: the replica follows the others, and votes only " +
      "on numbers that it cannot have voted on before). With --memory: new at the first start, recover at each later one",
  },
  "lost-disk": { help: "the same as --start recover", isLocal: true },
  "machine": { value: "FILE", isFile: true, help: "the file that exports the state machine (the key-value machine)" },
  ...EXPORT_FLAG,
  "guard": {
    help: "fail if the machine reads a clock, random numbers or the network; pbft dev does so",
    isLocal: true,
  },
  "host": {
    value: "HOST",
    help: "the address to listen on (the loopback address in the cluster file, or else all addresses, IPv6 and IPv4)",
  },
  "port": { value: "PORT", help: "the port to listen on (the port in the cluster file)" },
  ...LOG_FLAG,
  ...TELEMETRY_FLAG,
  ...SNAPSHOT_FLAGS,
  "with-page": { help: "serve the live page of this replica at /page/, to its readers" },
  "obey": {
    help:
      "obey words on standard input, one a line: cut (exchange nothing with the other replicas), join (do so again). " +
      "For local clusters in which somebody tries faults",
    isLocal: true,
  },
  "until-eof": { help: "stop when standard input ends, as well as on Ctrl-C", isLocal: true },
  ...POLICY_FLAGS,
} as const satisfies Flags;

/** The verb. */
export const verb = defineVerb({
  about: "Runs one replica of a cluster.",
  flags: FLAGS,
  run: serveReplica,
});

type ServeValues = Call<typeof FLAGS>["values"];

/** The exit code that shells use for a program that Ctrl-C ended. */
const FORCED_EXIT_CODE = 130;

/** The longest word on standard input, characters. */
const MAX_WORD = 64;

async function serveReplica({ values }: Call<typeof FLAGS>): Promise<number> {
  const name = required(values.name, "name");
  const port = values.port === undefined ? undefined : natural("--port", values.port, { max: 65_535 });
  if (values.host !== undefined) required(values.host, "host");
  const snapshots = scheduleOf(values);
  const share = values.telemetry === undefined ? null : telemetryShare(values.telemetry);
  const { cluster } = await readCluster(required(values.cluster, "cluster"));
  const { privateKey, warning } = readKey(required(values.key, "key"));
  const store = storeOf(values, privateKey);
  const members = cluster.genesis.replicas.map((member) => member.name);
  const chain = chainOf(values, cluster, privateKey);
  const format = (values.log ?? "text") as LogFormat;
  const secrets = [privateKey];
  const { "rotate-key-every": every } = values;
  const log = new Log({ name, members, format, secrets, timer: systemTimer() });
  if (warning) log.warn({ event: "key-readable", message: warning });
  if (values.guard) holdGlobals(); // Before it is loaded: a module may keep functions such as Date.now.
  // dev has looked at it before.
  const load = values.guard ? loadMachine : loadSafely;
  const machine = values.machine === undefined ? undefined : await load(values.machine, values.export);
  const telemetry = share === null ? null : await createTelemetry(name, share);
  const { requested, forced } = listenForStop();
  forced.addEventListener("abort", () => process.exit(FORCED_EXIT_CODE), { once: true });
  const interposer = values.obey ? new CutOff() : undefined;
  const signal = values["until-eof"] ? AbortSignal.any([requested, endOfInput(interposer)]) : requested;
  const replica = await serveMember(name, cluster, {
    privateKey,
    store,
    start: startOption(values),
    chain,
    join: values.join,
    approvesRotations: values["approve-rotations"] ?? false,
    ...(every !== undefined &&
      { keyRotation: keySchedule(every, { key: values.key!, state: values.state!, secrets }) }),
    ...(values.origin !== undefined && { origin: folderStorage(required(values.origin, "origin")) }),
    stopsWhenRemoved: values["when-removed"] !== "serve",
    hostname: values.host,
    port,
    observers: telemetry ? [log, telemetry] : [log],
    ...(snapshots && { snapshots }),
    ...(machine && {
      stateMachine: values.guard ? wrapped(machine.machines, (one) => guardMachine(one)) : machine.machines,
    }),
    app: {
      ...policyOf(values),
      ...(values["with-page"] && { page: await pageOfReplica() }),
      onInternalError: (error) => log.defect("a request met a defect", error),
    },
    signal,
    ...(interposer && { interposer }),
  });
  telemetry?.measure(() => replica.node.status());
  log.write(servingEntry(replica));
  const stopChecking = sayWhenHalted(replica, log);
  await replica.closed;
  stopChecking();
  telemetry?.close();
  log.write(stoppedEntry(replica, requested.aborted));
  return EXIT.done;
}

/** The links of the file, if there is one. @throws {CliError} if the key is not in the genesis, and there is none. */
function chainOf(
  { chain, join, name, state }: ServeValues,
  { genesis }: ClusterFile,
  privateKey: string,
): readonly Uint8Array[] | undefined {
  if (chain !== undefined) return readChain(chain);
  // A key that came later is in no genesis; its store has the chain.
  if (state !== undefined && isLaterKey(state, privateKey)) return [];
  const { publicKey } = importKeyPair(privateKey);
  const names = genesis.replicas.map((member) => member.name);
  if (
    join !== undefined || names.includes(name!) || genesis.replicas.some((member) => member.publicKey === publicKey)
  ) return undefined;
  throw new CliError(`--name: expected one of ${names.join(", ")}, got ${name}`, EXIT.usage, {
    next:
      "a member of a later epoch is started with a running member to ask for the chain of epochs: --join URL; or with the " +
      "chain: pbft members chain FILE, and --chain FILE here",
  });
}

type MemberOptions = Omit<ServeOptions, "cluster" | "self">;

async function serveMember(name: string, cluster: ClusterFile, options: MemberOptions): Promise<ServedReplica> {
  try {
    const { serve } = RUNTIME === "deno"
      ? await import("../../runtime/deno.ts")
      : await import("../../runtime/nodejs.ts");
    return await serve({ cluster, self: name, ...options });
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE" || (error as Error).name === "AddrInUse") {
      throw new CliError(`${name}: ${options.port ?? cluster.urls[name]}: the port is taken`);
    }
    if (options.hostname !== undefined && isOfAddress(error)) {
      // At the next start the name may be known, and the machine may have the address. So this is no wrong use.
      throw new CliError(
        `--host: expected an address of this machine, got ${JSON.stringify(options.hostname)}: ${reasonOf(error)}`,
      );
    }
    // A fault in an option, a key or the cluster file stays at the next start, too. It has an exit code of its own, at
    // which a supervisor stops restarting the replica.
    const isWrong = error instanceof TypeError && error.cause === undefined; // with a cause: there is no connection
    throw new CliError(`${name}: ${reasonOf(error)}`, isWrong ? EXIT.usage : EXIT.no);
  }
}

/** Whether no address has this name, or this machine does not have the address. */
function isOfAddress(error: unknown): boolean {
  const text = `${codeOf(error)} ${reasonOf(error)}`;
  return /EADDRNOTAVAIL|ENOTFOUND|EAI_|assign requested address|lookup address|invalid host/i.test(text);
}

/** The store, or the path of its file. The file is opened only after everything else was checked. */
function storeOf({ state, memory, "rotate-key-every": every }: ServeValues, privateKey: string): Store | string {
  if (memory && state !== undefined) throw new CliError("--memory and --state: choose one (see --help)", EXIT.usage);
  if (memory && every !== undefined) {
    throw new CliError("--rotate-key-every: expected --state, got --memory", EXIT.usage);
  }
  return memory ? new MemoryStore() : stateFileOf(required(state, "state"), privateKey);
}

function startOption(values: ServeValues): Start | undefined {
  const lost = values["lost-disk"] ? "recover" : undefined;
  if (values.start === undefined) return lost;
  if (lost && values.start !== lost) {
    throw new CliError(`--start ${values.start} and --lost-disk contradict each other (see --help)`, EXIT.usage);
  }
  return values.start as Start;
}

/** The live page of one replica. It is loaded only if it is wanted. */
async function pageOfReplica(): Promise<Page> {
  const { createPage } = await import("../../page/page.ts");
  return createPage({ feed: "../events?messages", version: VERSION });
}

/**
 * Aborts when standard input ends: then the process that started this one is gone, and this one must stop too. Until
 * then `told` gets the lines that are written there, a line at a time.
 */
function endOfInput(told?: CutOff): AbortSignal {
  const controller = new AbortController();
  for (const event of ["end", "close", "error"]) process.stdin.on(event, () => controller.abort());
  let text = "";
  process.stdin.on("data", (chunk) => {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!.slice(-MAX_WORD);
    for (const line of lines) told?.obey(line.trim());
  });
  return controller.signal;
}

if (import.meta.main) {
  await runCommand(() => runVerb("serve", verb, process.argv.slice(2), console.log), undefined, {
    isBrief: true,
  });
}
