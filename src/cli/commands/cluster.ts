/**
 * `cluster`: a whole cluster on this machine, each replica in its own process.
 * @module
 */
import process from "node:process";
import { runCommand } from "../cli_error.ts";
import { clusterPath } from "../local_cluster/data.ts";
import { ClusterOutput } from "../local_cluster/output.ts";
import { prepareCluster } from "../local_cluster/prepare.ts";
import { startReplicas } from "../local_cluster/start.ts";
import { openInBrowser } from "../page/open.ts";
import { type ServedPage, servePage } from "../page/serve_page.ts";
import { simulatorScript } from "../page/simulator.ts";
import { runVerb } from "../parser/dispatch.ts";
import { OPEN_FLAG } from "../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../parser/verb.ts";
import { listenForStop } from "../stop_signals.ts";
import { CLUSTER_FLAGS, clusterOptionsOf } from "./cluster_options.ts";

const FLAGS = { ...CLUSTER_FLAGS, ...OPEN_FLAG } as const satisfies Flags;

/** The verb. */
export const verb = defineVerb({
  about: "Runs a cluster of PBFT replicas on this machine, each in its own process.",
  flags: FLAGS,
  notes: "Ctrl-C stops all replicas. The same command starts them again with their data.",
  run: runCluster,
});

async function runCluster({ values }: Call<typeof FLAGS>): Promise<number> {
  const options = clusterOptionsOf(values);
  const { requested, forced } = listenForStop();
  const prepared = await prepareCluster(options);
  if (requested.aborted) return 0;
  const output = new ClusterOutput(options.log);
  const { supervisor } = startReplicas(prepared, options, output);
  let page: ServedPage | null = null;
  supervisor.onChanged = (name) => page?.changed(name);
  requested.addEventListener("abort", () => void supervisor.stop(), { once: true });
  forced.addEventListener("abort", () => supervisor.kill(), { once: true });
  if (await supervisor.waitUntilReady()) {
    const { genesis, urls } = prepared.cluster;
    if (options.page !== null) {
      page = await servePage({
        cluster: prepared.cluster,
        operator: supervisor,
        port: options.page,
        simulator: simulatorScript,
      });
    }
    const url = urls[genesis.replicas[0]!.name]!;
    output.ready(url, clusterPath(prepared.folder), page?.link ?? null);
    if (values.open) openInBrowser(page?.link ?? `${url}/status?pretty`);
  }
  await supervisor.ended;
  await page?.close();
  return requested.aborted ? 0 : 1;
}

if (import.meta.main) {
  await runCommand(() => runVerb("cluster", verb, process.argv.slice(2), console.log), undefined, { isBrief: true });
}
