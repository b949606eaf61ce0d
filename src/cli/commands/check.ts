/**
 * `check`: asks every member for its status, and prints whether the cluster is available and what is wrong.
 * @module
 */
import { maxFaulty } from "../../core/messages/quorum.ts";
import { evidenceLines, provenIn } from "../check/evidence.ts";
import { askMember, type MemberReport } from "../check/member.ts";
import { READ_TOKEN_FLAG, readToken } from "../check/read_token.ts";
import { judge, type Judged, type Judgement, type Verdict } from "../check/verdict.ts";
import { EXIT } from "../cli_error.ts";
import { type FoundCluster, readCluster, usualClusters } from "../find_cluster.ts";
import { genesisSigners, signersText } from "../genesis/signatures.ts";
import { followMembers } from "../members/follow.ts";
import { sayForks } from "../check/forks.ts";
import { keepIn, KeptChain } from "../members/kept_chain.ts";
import { tableOf } from "../members/words.ts";
import { CHAIN_FLAG, CLUSTER_FLAG } from "../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../parser/verb.ts";
import type { Terminal } from "../terminal.ts";

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  healthy: EXIT.done,
  degraded: EXIT.no,
  unavailable: EXIT.unreachable,
};

const FLAGS = {
  ...CLUSTER_FLAG,
  ...CHAIN_FLAG,
  ...READ_TOKEN_FLAG,
  "evidence": { help: "show the misconduct that the members' evidence proves, of any epoch; this command verifies it" },
} as const satisfies Flags;

/** The verb. */
export const verb = defineVerb({
  about:
    "Asks every member of a cluster for its status, and prints whether the cluster is available and what is wrong.",
  args: [{ name: "FILE", isOptional: true, isFile: true, help: "the cluster file, instead of --cluster" }],
  flags: FLAGS,
  notes:
    `Without a file it checks the first of .pbft/cluster.json, .pbft/memory/cluster.json and pbft/cluster.json whose
cluster answers. Up to f members may lie: a statement about the cluster counts if f + 1 members make it. If the
members have changed, it asks those of the present epoch: it follows the chain of epochs, from the cluster file or from
the links that it has stored before.

Exit codes: 0 healthy; 1 degraded: available, but something is wrong; 2 wrong arguments, or no cluster file;
3 unavailable: too few members vote.`,
  failure: ({ message }) => ({ verdict: "unknown", error: message }),
  run: check,
});

/** Faults that may be temporary, in a busy cluster or during a view change. */
const PASSING_FAULTS: ReadonlySet<string> = new Set([
  "view",
  "behind",
  "claims-executed",
  "transferring",
  "not-ready",
  "no-proof",
  "epoch",
]);
/** If there are temporary faults, the members are asked again after this time, ms. */
const SECOND_LOOK_MS = 1_000;

async function check({ args: [file], values, terminal }: Call<typeof FLAGS>): Promise<number> {
  const source = file ?? values.cluster;
  const token = readToken(values["read-token-file"]);
  const candidates = source === undefined ? await usualClusters() : [await readCluster(source)];
  const { found, judgement } = await examine(candidates, { token, chain: values.chain, terminal });
  const proven = values.evidence ? provenIn(judgement) : null;
  if (terminal.isJson) {
    terminal.print(JSON.stringify({ ...jsonOf(found, judgement), ...(proven && { evidence: proven }) }));
  } else {
    for (const line of linesOf(found, judgement)) terminal.print(line);
    for (const line of proven ? evidenceLines(proven) : []) terminal.print(line);
  }
  return EXIT_CODES[judgement.verdict];
}

interface Asking {
  readonly token: string | undefined;
  /** The file of the chain, if one is named. */
  readonly chain: string | undefined;
  readonly terminal: Terminal;
}

/** Judges the first cluster that has a member that answers. If none has, judges the first cluster. */
async function examine(
  candidates: readonly FoundCluster[],
  asking: Asking,
): Promise<{ readonly found: FoundCluster; readonly judgement: Judgement }> {
  const asked: { found: FoundCluster; kept: KeptChain; reports: readonly MemberReport[] }[] = [];
  for (const found of candidates) {
    const kept = await KeptChain.open(found, asking.chain);
    const reports = await askAll(kept, asking);
    asked.unshift({ found, kept, reports });
    if (reports.some(({ status, readiness }) => status !== null || readiness)) break;
    asked.push(asked.shift()!);
  }
  const { found, kept, reports } = asked[0]!;
  const { present } = kept;
  const judgement = judge(present, reports);
  if (!judgement.members.some(({ faults }) => faults.some(({ kind }) => PASSING_FAULTS.has(kind)))) {
    return { found, judgement };
  }
  asking.terminal.progress("some faults may be temporary: asking again in a second…");
  await new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS));
  const again = await askAll(kept, asking);
  return { found, judgement: judge(kept.present, again, kept.present === present ? reports : again) };
}

/** Goes on to the present epoch, and asks its members. */
async function askAll(kept: KeptChain, { token, terminal }: Asking): Promise<readonly MemberReport[]> {
  terminal.progress("asking for the present epoch…");
  const followed = await followMembers(kept.followed);
  sayForks(followed, terminal);
  await keepIn(kept, followed.links, terminal);
  const { replicas } = kept.present.genesis;
  const waiting = new Set(replicas.map(({ name }) => name));
  const tell = () => {
    const names = [...waiting];
    const shown = names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
    terminal.progress(names.length === 0 ? "" : `asking ${shown}…`);
  };
  tell();
  return await Promise.all(replicas.map(async (member) => {
    const report = await askMember(kept.followed, member, token);
    waiting.delete(member.name);
    tell();
    return report;
  }));
}

/** The verdict, the faults, and a table of all members. */
export function linesOf({ source, cluster }: FoundCluster, judgement: Judgement): readonly string[] {
  const { number, start } = judgement.epoch;
  const { origin } = cluster.genesis;
  const signers = signersText(genesisSigners(cluster));
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
    ...nextLines(judgement),
    ...(signers === null ? [] : [signers]),
    ...(origin
      ? [`the cluster began with the state at ${origin.sequence} of cluster ${origin.cluster.slice(0, 16)}`]
      : []),
    ...(number === 0
      ? []
      : [`epoch ${number}, since number ${start!.sequence}: members, keys or rules have changed since the genesis`]),
    "",
    ...tableOf([["member", "url", "view", "executed", "clock", "state"], ...rows]),
    `(${source}: ${cluster.genesis.name})`,
  ];
}

/** Whether a quorum is left, and what to do. */
function nextLines({ verdict, members, quorum }: Judgement): readonly string[] {
  const silent = members.filter(({ report }) => report.status === null && !report.readiness).map(({ report }) =>
    report.name
  );
  const answering = members.length - silent.length;
  const lines: string[] = [];
  if (verdict === "unavailable") {
    const count = answering < quorum
      ? `${answering} of ${members.length} members answer, ${quorum} are needed`
      : "too few vote";
    lines.push(`no quorum is left: ${count}; no operation is executed until there is one`);
  }
  // Who answers with a refusal runs: its line above says why.
  const refusing = new Set(
    members.filter(({ report }) => report.failure?.startsWith("answers ")).map(({ report }) => report.name),
  );
  const off = silent.filter((name) => !refusing.has(name));
  if (off.length > 0) {
    lines.push(`next: start ${off.join(", ")}, or check the network to them; they catch up by themselves`);
  }
  return lines;
}

function wrongLine({ report, faults, votes }: Judged): string {
  return `wrong: ${report.name}${votes ? "" : " (does not count)"}: ${faults.map(({ text }) => text).join("; ")}`;
}

/** The judgement as JSON. */
function jsonOf({ source, cluster }: FoundCluster, judgement: Judgement): object {
  const { genesis } = cluster;
  const { signed, missing } = genesisSigners(cluster);
  const { verdict, members, voting, view, primary, executed, ownFault } = judgement;
  const n = members.length;
  return {
    verdict,
    available: verdict !== "unavailable",
    cluster: genesis.name,
    source,
    epoch: judgement.epoch.number,
    since: judgement.epoch.start?.sequence ?? 0,
    n,
    f: maxFaulty(n),
    quorum: judgement.quorum,
    voting,
    view,
    primary,
    executed,
    ownFault,
    genesis: { signed, missing },
    ...(genesis.origin && { origin: genesis.origin }),
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
