/**
 * `dev`: a local cluster with a machine of one's own, which is restarted when the file changes.
 * @module
 */
import { relative } from "node:path";
import process from "node:process";
import { maxFaulty } from "../../../core/messages/quorum.ts";
import type { ClusterFile } from "../../../wire/mod.ts";
import { EXIT } from "../../cli_error.ts";
import { DevOutput } from "../../dev/dev_output.ts";
import { record } from "../../dev/record.ts";
import { reload } from "../../dev/reload.ts";
import { watchSources } from "../../dev/watch_file.ts";
import { type LocalMachine, type LocalOptions, prepareCluster, type Prepared } from "../../local_cluster/prepare.ts";
import { openInBrowser } from "../../page/open.ts";
import { type ServedPage, servePage } from "../../page/serve_page.ts";
import { simulatorScript } from "../../page/simulator.ts";
import { type Running, startReplicas } from "../../local_cluster/start.ts";
import { callText } from "../../machine/example.ts";
import { inspectMachine } from "../../machine/inspect.ts";
import { EXPORT_FLAG, OPEN_FLAG } from "../../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";
import { hasSqlite } from "../../runtime.ts";
import { listenForStop } from "../../stop_signals.ts";
import type { Terminal } from "../../terminal.ts";
import { CLUSTER_FLAGS, clusterOptionsOf } from "../cluster_options.ts";

const { log: _, ...LOCAL_FLAGS } = CLUSTER_FLAGS;

const FLAGS = {
  ...LOCAL_FLAGS,
  ...EXPORT_FLAG,
  "no-watch": { help: "do not restart the replicas when the file changes" },
  ...OPEN_FLAG,
  "record": {
    value: "FILE",
    isFile: true,
    help: "append the events and messages of all replicas to a file, as JSON lines",
  },
} as const satisfies Flags;

/** The verb. */
export const verb = defineVerb({
  about: "Runs a cluster on this machine with a state machine of your own, or with the key-value machine.",
  args: [{
    name: "MACHINE",
    help: "the file that exports your state machine (key-value)",
    isOptional: true,
    isFile: true,
  }],
  flags: FLAGS,
  notes:
    `When the file or one beside it changes, its types are checked, it is simulated for some seconds if it exports a
workload, and the replicas are restarted one after another. If something is wrong, they continue with the last version
that was right.

Ctrl-C stops all replicas. The same command starts them again with their data.`,
  run: dev,
});

async function dev({ args: [path], values, terminal }: Call<typeof FLAGS>): Promise<number> {
  const { requested, forced } = listenForStop();
  const machine = path === undefined ? undefined : await machineAt(path, values.export);
  const options = optionsOf(values, machine, terminal);
  const began = performance.now();
  const prepared = await prepareCluster(options);
  if (requested.aborted) return EXIT.done;
  const output = new DevOutput(terminal);
  const running = startReplicas(prepared, options, output, (name, line) => output.log(name, line));
  const { supervisor } = running;
  let page: ServedPage | null = null;
  supervisor.onChanged = (name) => page?.changed(name);
  requested.addEventListener("abort", () => {
    output.isStopping = true;
    void supervisor.stop();
  }, { once: true });
  forced.addEventListener("abort", () => supervisor.kill(), { once: true });
  terminal.progress("starting the replicas…");
  const { cluster } = prepared;
  if (await supervisor.waitUntilReady()) {
    output.isReady = true;
    const facts = { options, processes: supervisor.processes, ms: performance.now() - began };
    for (const line of readyLines(prepared, facts)) terminal.print(line);
    if (values.record !== undefined) await record(values.record, membersOf(cluster), requested);
    const port = clusterOptionsOf({ ...values, log: "json" }).page;
    const operation = machine && firstOperationOf(machine);
    if (port !== null) {
      page = await servePage({ cluster, operator: supervisor, port, operation, simulator: simulatorScript });
    }
    if (page) terminal.print(`  page     ${page.link}`);
    if (values.open) openInBrowser(page?.link ?? `${membersOf(cluster)[0]!.url}/status?pretty`);
    if (machine && !values["no-watch"]) watch({ machine, running, output, memory: options.memory }, requested);
  }
  await supervisor.ended;
  await page?.close();
  return requested.aborted ? EXIT.done : EXIT.no;
}

async function machineAt(path: string, exportName: string | undefined): Promise<LocalMachine> {
  const { version, operations, example } = await inspectMachine({ path, exportName });
  return { path, exportName, version, operations, example };
}

/** The operation that stands in the page's field at first. */
function firstOperationOf({ operations: [op = "OPERATION"], example }: LocalMachine): string {
  return JSON.stringify(example ?? { op, input: {} });
}

function optionsOf(
  values: Call<typeof FLAGS>["values"],
  machine: LocalMachine | undefined,
  terminal: Terminal,
): LocalOptions {
  const options = clusterOptionsOf({ ...values, log: "json" });
  if (options.memory || hasSqlite()) return { ...options, ...(machine && { machine }) };
  terminal.say(
    `Node ${process.versions.node} has no node:sqlite: states are kept in memory (Node 22.13 keeps them in ${options.data})`,
  );
  return { ...options, memory: true, ...(machine && { machine }) };
}

interface ReadyFacts {
  readonly options: LocalOptions;
  /** The processes of the replicas, for those who want to kill one. */
  readonly processes: string;
  /** How long it took. */
  readonly ms: number;
}

function readyLines(
  { folder, cluster: { genesis, urls } }: Prepared,
  { options, processes, ms }: ReadyFacts,
): readonly string[] {
  const names = genesis.replicas.map(({ name }) => name);
  const f = maxFaulty(names.length);
  const may = f === 0 ? "none may fail" : f === 1 ? "one may fail" : `${f} may fail`;
  const call = options.machine
    ? `pbft call ${callText(options.machine.example, options.machine.operations)}`
    : "pbft set name Ada";
  const state = options.memory ? "the state is lost then" : `state is kept in ${folder} (--fresh begins anew)`;
  return [
    `${genesis.stateMachine} on ${names.length} replicas: ${names.join(" ")} (${may})   ready in ${
      (ms / 1_000).toFixed(1)
    } s`,
    `  pids     ${processes}`,
    `  status   ${urls[names[0]!]}/status?pretty`,
    `  request  ${call}`,
    `  cluster  ${relative(process.cwd(), folder) || "."}/cluster.json`,
    `  stop     Ctrl-C; ${state}`,
  ];
}

function membersOf({ genesis, urls }: ClusterFile): readonly { readonly name: string; readonly url: string }[] {
  return genesis.replicas.map(({ name }) => ({ name, url: urls[name]! }));
}

/** Reloads after each change. Several changes during a reload cause one more reload. */
function watch(options: Parameters<typeof reload>[1] & { readonly running: Running }, signal: AbortSignal): void {
  let isBusy = false;
  let next: string | null = null;
  const run = async (name: string) => {
    if (isBusy) return void (next = name);
    isBusy = true;
    await reload(name, options).catch((error) => options.output.say(String(error?.stack ?? error)));
    isBusy = false;
    const again = next;
    next = null;
    if (again !== null && !signal.aborted) await run(again);
  };
  watchSources(options.machine.path, signal, (name) => void run(name));
}
