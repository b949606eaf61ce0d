/**
 * `check`: asks every member for its status, and prints whether the cluster is available and what is wrong.
 * @module
 */
import { parseArgs } from "node:util";
import { maxFaulty } from "../../core/messages/quorum.ts";
import { askMember, type MemberReport } from "../check/member.ts";
import { judge, type Judged, type Judgement, type Verdict } from "../check/verdict.ts";
import { CliError, reasonOf } from "../cli_error.ts";
import { type FoundCluster, readCluster, usualClusters } from "../find_cluster.ts";

/** What `check --help` prints. */
export const CHECK_HELP =
  `Asks every member of a cluster for its status, and prints whether the cluster is available and what is wrong.

  check [FILE] [options]

  FILE    the cluster file: a path, a folder that contains it, or a URL. Default: the first of
          pbft/cluster.json, .pbft/cluster.json and .pbft/memory/cluster.json whose cluster answers
  --json  print one JSON object instead of text
  --read-token-file FILE
          a file with the token that members require before they show their status. It is sent to
          all members. Default: the variable PBFT_READ_TOKEN
  --help  print this help

Up to f members may lie: a statement about the cluster counts if f + 1 members make it.

Exit code: 0 healthy; 1 degraded: available, but something is wrong; 2 unavailable: too few
members vote; 3 unknown: the cluster could not be checked.`;

const EXIT_CODES: Readonly<Record<Verdict, number>> = { healthy: 0, degraded: 1, unavailable: 2 };
const UNKNOWN_EXIT_CODE = 3;

/** Faults that may be temporary, in a busy cluster or during a view change. */
const PASSING_FAULTS: ReadonlySet<string> = new Set([
  "view",
  "behind",
  "claims-executed",
  "transferring",
  "not-ready",
  "no-proof",
]);
/** If there are temporary faults, the members are asked again after this time, ms. */
const SECOND_LOOK_MS = 1_000;

/** Runs the command. Returns the exit code. */
export async function check(args: readonly string[], print: (line: string) => void): Promise<number> {
  try {
    return await run(args, print);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (args.includes("--json")) print(JSON.stringify({ verdict: "unknown", error: error.message }));
    throw new CliError(error.message, UNKNOWN_EXIT_CODE);
  }
}

async function run(args: readonly string[], print: (line: string) => void): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    print(CHECK_HELP);
    return 0;
  }
  if (positionals.length > 1) {
    throw new CliError(`expected one cluster file, got ${positionals.join(" ")} (see check --help)`);
  }
  const [source] = positionals;
  const token = tokenOf(values["read-token-file"]);
  const candidates = source === undefined ? await usualClusters() : [await readCluster(source)];
  const { found, judgement } = await examine(candidates, token);
  if (values.json) print(JSON.stringify(jsonOf(found, judgement)));
  else for (const line of linesOf(found, judgement)) print(line);
  return EXIT_CODES[judgement.verdict];
}

/** Judges the first cluster that has a member that answers. If none has, judges the first cluster. */
async function examine(
  candidates: readonly FoundCluster[],
  token: string | undefined,
): Promise<{ readonly found: FoundCluster; readonly judgement: Judgement }> {
  const asked: { found: FoundCluster; reports: readonly MemberReport[] }[] = [];
  for (const found of candidates) {
    const reports = await askAll(found, token);
    asked.unshift({ found, reports });
    if (reports.some(({ status, readiness }) => status !== null || readiness)) break;
    asked.push(asked.shift()!);
  }
  const { found, reports } = asked[0]!;
  const judgement = judge(found.cluster, reports);
  if (!judgement.members.some(({ faults }) => faults.some(({ kind }) => PASSING_FAULTS.has(kind)))) {
    return { found, judgement };
  }
  await new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS));
  return { found, judgement: judge(found.cluster, await askAll(found, token), reports) };
}

function askAll({ cluster }: FoundCluster, token: string | undefined): Promise<readonly MemberReport[]> {
  return Promise.all(cluster.genesis.replicas.map((member) => askMember(cluster, member, token)));
}

function tokenOf(path: string | undefined): string | undefined {
  if (path === undefined) return Deno.env.get("PBFT_READ_TOKEN")?.trim() || undefined;
  let token: string;
  try {
    token = Deno.readTextFileSync(path).replace(/^\ufeff/, "").trim();
  } catch (error) {
    throw new CliError(`--read-token-file ${path}: ${reasonOf(error)}`);
  }
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token;
  throw new CliError(
    `--read-token-file ${path}: expected one line of visible ASCII characters, got ${token.length} characters`,
  );
}

/** The verdict, the faults, and a table of all members. */
export function linesOf({ source, cluster }: FoundCluster, judgement: Judgement): readonly string[] {
  const { verdict, members, voting, view, primary, executed, ownFault } = judgement;
  const spare = voting - judgement.quorum;
  const more = spare > 0 ? `${spare} more may fail` : spare === 0 ? "no more may fail" : `${-spare} too few`;
  const known = view === null
    ? "too few answers to know the view"
    : `view ${view}, primary ${primary}, ${executed} batches executed`;
  const rows = members.map(({ report, faults }) => {
    const { name, url, status, skewMs } = report;
    const skew = skewMs === null ? "-" : `${skewMs >= 0 ? "+" : ""}${(skewMs / 1_000).toFixed(1)} s`;
    const numbers = status ? [String(status.viewID), String(status.lastExecuted)] : ["-", "-"];
    return [name, url, ...numbers, skew, faults.map(({ text }) => text).join("; ") || "healthy"];
  });
  return [
    `${verdict.toUpperCase()}: ${voting} of ${members.length} members vote, a quorum is ${judgement.quorum}: ${more}; ${known}`,
    ...members.filter(({ faults }) => faults.length > 0).map(wrongLine),
    ...(ownFault === null ? [] : [`wrong: ${ownFault}`]),
    "",
    ...tableOf(["member", "url", "view", "executed", "clock", "state"], rows),
    `(${source}: ${cluster.genesis.name})`,
  ];
}

function wrongLine({ report, faults, votes }: Judged): string {
  return `wrong: ${report.name}${votes ? "" : " (does not count)"}: ${faults.map(({ text }) => text).join("; ")}`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}

/** The judgement as JSON. */
function jsonOf({ source, cluster: { genesis } }: FoundCluster, judgement: Judgement): unknown {
  const { verdict, members, voting, view, primary, executed, ownFault } = judgement;
  const n = members.length;
  return {
    verdict,
    available: verdict !== "unavailable",
    cluster: genesis.name,
    source,
    n,
    f: maxFaulty(n),
    quorum: judgement.quorum,
    voting,
    view,
    primary,
    executed,
    ownFault,
    members: members.map(({ report: { name, url, status, skewMs, key }, faults, votes }) => ({
      name,
      url,
      votes,
      faults: faults.map(({ kind, text }) => ({ kind, text })),
      claims: status && { view: status.viewID, executed: status.lastExecuted, ready: status.ready },
      clockSkewMs: skewMs,
      key,
    })),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        "read-token-file": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CliError(`${reasonOf(error).split(/\. /, 1)[0]} (see check --help)`);
  }
}
