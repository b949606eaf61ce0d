/** Errors of the client in words, with a next step. */
import {
  ClientError,
  type ClusterFile,
  OperationRejectedError,
  ProofError,
  QueryRejectedError,
  RejectedError,
  RequestDeniedError,
} from "@pbft/edge/client";
import { listOf } from "./dom.ts";
import { Problem } from "./problem.ts";

/** A replica that does not answer within this time is not reached, ms. */
const PROBE_MS = 3_000;

/** What a probe of a replica found. */
type State = "reached" | "origin not named" | "not reached" | "blocked";

/** The error as a problem. Asks the replicas once more, without a client, if they may be the reason. */
export async function explain(error: unknown, cluster: ClusterFile): Promise<Problem> {
  if (error instanceof Problem) return error;
  if (
    error instanceof RejectedError || error instanceof OperationRejectedError || error instanceof QueryRejectedError
  ) {
    return new Problem(
      `The cluster says no: ${wordsOf(error)}`,
      "Nothing was changed. Change what you ask, and send it again.",
    );
  }
  if (error instanceof ProofError) {
    return new Problem(`It is not proven: ${error.message}`, "Do not believe it, and ask who gave it to you.");
  }
  if (error instanceof RequestDeniedError && error.status !== 403) {
    return new Problem(
      `The replicas do not accept what this page signs: ${error.detail}`,
      "The cluster file may be of another cluster than the one that runs there. Copy its cluster.json anew, and load the page again.",
    );
  }
  if (error instanceof RequestDeniedError) {
    return new Problem(
      `The replicas do not serve this client: ${error.detail}`,
      "Ask their operators to admit its key.",
    );
  }
  if (!(error instanceof ClientError)) {
    return new Problem(error instanceof Error ? error.message : String(error), "Load the page again.");
  }
  const fate = error.effect === "none"
    ? "Nothing was changed."
    : "It may or may not have been executed: read before you send it again.";
  return await diagnose(cluster, fate) ?? new Problem(error.message, `${fate} All replicas can be reached: try again.`);
}

function wordsOf(error: RejectedError | OperationRejectedError | QueryRejectedError): string {
  if (!(error instanceof RejectedError)) return error.message;
  const detail = error.detail === undefined ? "" : ` ${JSON.stringify(error.detail)}`;
  return `${error.error}${detail}`;
}

/** Why the replicas do not answer this page; `null`: enough of them do. `fate`: what this means for what was asked. */
export async function diagnose({ genesis, urls }: ClusterFile, fate: string): Promise<Problem | null> {
  const names = genesis.replicas.map(({ name }) => name);
  const states = await Promise.all(names.map((name) => probe(urls[name]!)));
  const of = (state: State) => names.filter((_, i) => states[i] === state);
  const n = names.length;
  const needed = n - Math.floor((n - 1) / 3);
  const reached = of("reached");
  if (reached.length >= needed) return null;
  const few = `${reached.length} of ${n} replicas answer this page, and ${needed} are needed`;
  const [unnamed, blocked, down] = [of("origin not named"), of("blocked"), of("not reached")];
  if (unnamed.length > 0) {
    return new Problem(
      `${few}: ${listOf(unnamed)} ${unnamed.length === 1 ? "does" : "do"} not name the origin of this page.`,
      `${fate} Start ${unnamed.length === 1 ? "it" : "them"} with --cors-origins ${location.origin}.`,
    );
  }
  if (blocked.length > 0) {
    return new Problem(
      `${few}: this page came by https:, and the addresses of ${listOf(blocked)} are http:.`,
      `${fate} Give the members https: addresses, and put these into the cluster file.`,
    );
  }
  return new Problem(
    `${few}: ${listOf(down)} ${down.length === 1 ? "is" : "are"} not reached.`,
    `${fate} Start ${down.length === 1 ? "it" : "them"}, or look why the network does not lead there, and try again.`,
  );
}

/** A page may not read what a server of another origin says that does not name the origin; but it learns whether there is one. */
async function probe(url: string): Promise<State> {
  const base = url.replace(/\/+$/, "");
  const { hostname, protocol } = new URL(base);
  const isHere = hostname === "localhost" || hostname.endsWith(".localhost") || /^(?:127\.|\[::1\])/.test(hostname);
  if (location.protocol === "https:" && protocol === "http:" && !isHere) return "blocked";
  const ask = async (path: string, mode: RequestMode) => {
    const response = await fetch(`${base}${path}`, { mode, cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
    await response.body?.cancel();
  };
  try {
    await ask("/epochs", "cors");
    return "reached";
  } catch {
    return await ask("/healthz", "no-cors").then(() => "origin not named", () => "not reached");
  }
}
