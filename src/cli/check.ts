/**
 * `check`: asks every member how it is, and says in one table what is wrong.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import { clusterId } from "../crypto/mod.ts";
import { type ClusterFile, parseClusterText } from "../wire/mod.ts";
import { CliError, reasonOf } from "./cli_error.ts";
import { hasKey } from "./prove_key.ts";

/** What `check --help` prints. */
export const CHECK_HELP = `Asks every member of a cluster how it is, and says what is wrong.

  check [FILE]

  FILE  the cluster file: a path or a URL (pbft/cluster.json)

Exits with 0 if every member is well, else with 1.`;

/** A member that does not answer for so long is unreachable, ms. */
const TIMEOUT_MS = 10_000;
/** So far behind the furthest is not worth a word: status is asked of one after the other, batches. */
const TOLERATED_LAG = 8;

/** What one member said, as far as it concerns us. */
export interface MemberReport {
  readonly name: string;
  readonly url: string;
  /** `null`: none that could be read. */
  readonly status: MemberStatus | null;
  /** Why there is no status. */
  readonly failure?: string;
  /** Its clock less ours, ms; `null`: not known. */
  readonly skewMs: number | null;
  /** Whether it showed that it has the member's key; `null`: it was not to be asked now. */
  readonly hasKey: boolean | null;
}

/** The part of `GET /status` that is looked at. */
export interface MemberStatus {
  readonly nodeID: string;
  readonly cluster: string;
  readonly ready: boolean;
  readonly halted: string | null;
  readonly storeError: string | null;
  readonly transferring: boolean;
  readonly hasLostDisk: boolean;
  readonly viewID: number;
  readonly active: boolean;
  readonly lastExecuted: number;
  /** Its clock, ms since 1970. */
  readonly now: number;
}

/** Runs it. Gives the exit code. */
export async function check(args: readonly string[], print: (line: string) => void): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    print(CHECK_HELP);
    return 0;
  }
  if (args.length > 1) throw new CliError(`expected one cluster file, got ${args.join(" ")} (see check --help)`, 2);
  const cluster = await readClusterFile(args[0] ?? "pbft/cluster.json");
  const reports = await Promise.all(
    cluster.genesis.replicas.map((member) => ask(cluster, member)),
  );
  const { lines, isWell } = tableOf(cluster, reports);
  for (const line of lines) print(line);
  return isWell ? 0 : 1;
}

/** The table, and whether nothing is wrong. */
export function tableOf(
  cluster: ClusterFile,
  reports: readonly MemberReport[],
): { readonly lines: readonly string[]; readonly isWell: boolean } {
  const id = clusterId(cluster.genesis);
  const furthest = Math.max(0, ...reports.map(({ status }) => status?.cluster === id ? status.lastExecuted : 0));
  const view = Math.max(0, ...reports.map(({ status }) => status?.cluster === id ? status.viewID : 0));
  const { maxClockSkewMs } = cluster.genesis.limits;
  const rows = reports.map((report) => {
    const wrong = faultsOf(report, { id, furthest, view, maxClockSkewMs });
    const { name, url, status, skewMs } = report;
    const skew = skewMs === null ? "-" : `${skewMs >= 0 ? "+" : ""}${(skewMs / 1_000).toFixed(1)} s`;
    const numbers = status ? [String(status.viewID), String(status.lastExecuted)] : ["-", "-"];
    return [name, url, ...numbers, skew, wrong.length === 0 ? "well" : wrong.join("; ")];
  });
  const table = [["member", "url", "view", "executed", "clock", "state"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
  return { lines, isWell: rows.every((row) => row.at(-1) === "well") };
}

type MemberKey = Genesis["replicas"][number];

interface Whole {
  readonly id: string;
  readonly furthest: number;
  readonly view: number;
  readonly maxClockSkewMs: number;
}

function faultsOf({ name, status, failure, skewMs, hasKey }: MemberReport, whole: Whole): readonly string[] {
  if (!status) return [failure ?? "unreachable"];
  if (status.cluster !== whole.id) {
    return [`another cluster: ${status.cluster.slice(0, 8)}, expected ${whole.id.slice(0, 8)} (other members or keys)`];
  }
  const faults: string[] = [];
  // Two that are exchanged have each the other's key.
  if (hasKey === false && status.nodeID === name) faults.push(`whoever this is has not ${name}'s key`);
  if (status.nodeID !== name) faults.push(`this is ${status.nodeID}: two members' URLs are exchanged`);
  if (status.halted !== null) faults.push(`halted: ${status.halted}`);
  if (status.storeError !== null) faults.push(`its store fails: ${status.storeError}`);
  if (status.hasLostDisk) faults.push("has lost its disk, does not vote yet");
  if (status.transferring) faults.push("fetching the state from the others");
  const lag = whole.furthest - status.lastExecuted;
  if (lag > TOLERATED_LAG) faults.push(`${lag} batches behind`);
  if (status.viewID < whole.view) faults.push(`in view ${status.viewID}, others in ${whole.view}`);
  else if (!status.active) faults.push(`waits for view ${status.viewID} to start`);
  if (skewMs !== null && Math.abs(skewMs) > whole.maxClockSkewMs / 2) {
    faults.push(`its clock is ${Math.abs(skewMs / 1_000).toFixed(1)} s ${skewMs > 0 ? "ahead" : "behind"}`);
  }
  return faults;
}

async function ask({ genesis, urls }: ClusterFile, { name, publicKey }: MemberKey): Promise<MemberReport> {
  const url = urls[name]!;
  const unknown = { name, url, status: null, skewMs: null, hasKey: null };
  const began = Date.now();
  try {
    const response = await fetch(new URL("status", url.endsWith("/") ? url : `${url}/`), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "manual",
    });
    const body = await response.json().catch(() => null);
    if (!response.ok || body === null) {
      const detail = typeof body?.detail === "string" ? `: ${body.detail}` : "";
      return { ...unknown, failure: `answers ${response.status}${detail}` };
    }
    const status = body as MemberStatus;
    const skewMs = typeof status.now === "number" ? status.now - (began + Date.now()) / 2 : null;
    const proof = { url, cluster: clusterId(genesis), publicKey, timeoutMs: TIMEOUT_MS };
    return { name, url, status, skewMs, hasKey: await hasKey(proof).catch(() => null) };
  } catch (error) {
    return { ...unknown, failure: error instanceof DOMException ? "no answer" : "unreachable" };
  }
}

async function readClusterFile(source: string): Promise<ClusterFile> {
  try {
    const isUrl = /^https?:/.test(source);
    const text = isUrl ? await (await fetch(source)).text() : await Deno.readTextFile(source);
    return parseClusterText(text);
  } catch (error) {
    throw new CliError(`${source}: ${reasonOf(error)}`);
  }
}
