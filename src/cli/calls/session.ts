/**
 * What the verbs that send operations share: the client, its errors as exit codes, and a word to people who wait.
 * @module
 */
import {
  Client,
  ClientError,
  OperationRejectedError,
  type Outcome,
  QueryRejectedError,
  RequestDeniedError,
  TimeoutError,
  verifyReceipt,
} from "../../client/mod.ts";
import { countText, membersText, probe } from "../check/probe.ts";
import { CliError, EXIT } from "../cli_error.ts";
import { findCluster, type FoundCluster } from "../find_cluster.ts";
import { readKey } from "../key_file.ts";
import { durationMs } from "../parser/duration.ts";
import type { CLIENT_FLAGS } from "../parser/flags.ts";
import type { Values } from "../parser/verb.ts";
import { keepIn, KeptChain } from "../members/kept_chain.ts";
import { listenForTermination } from "../stop_signals.ts";
import type { Terminal } from "../terminal.ts";
import { rejectionHint, rejectionText } from "./operation_text.ts";

const DEFAULT_TIMEOUT = "10s";
/** After this time the missing replicas are named, ms. */
const PATIENCE_MS = 1_500;

/** A client, and the cluster that it is for. */
export interface Session {
  readonly client: Client;
  readonly found: FoundCluster;
  /** Its chain of epochs, and who the members are now. */
  readonly kept: KeptChain;
}

/** What a caller knows already: where the cluster is, and its chain of epochs. */
export type Known = Pick<Session, "found" | "kept">;

/** Runs `work` with a client, which is closed at its end, or by Ctrl-C. @throws {CliError} for the client's errors. */
export async function withClient<T>(
  values: Values<typeof CLIENT_FLAGS>,
  terminal: Terminal,
  work: (session: Session) => Promise<T>,
  known?: Known,
): Promise<T> {
  const timeoutMs = durationMs("--timeout", values.timeout ?? DEFAULT_TIMEOUT);
  const found = known?.found ?? await findCluster(values.cluster);
  const key = values.key === undefined ? undefined : readKey(values.key);
  if (key?.warning) terminal.say(`warning: ${key.warning}`);
  const kept = known?.kept ?? await KeptChain.open(found, values.chain);
  let learning = Promise.resolve();
  const client = new Client({
    cluster: found.cluster,
    timeoutMs,
    chain: kept.links,
    onChain: (links) => {
      learning = learning.then(() => keepIn(kept, links, terminal));
    },
    ...(key && { keyPair: { privateKey: key.privateKey } }),
  });
  const { signal: stop, forget } = listenForTermination();
  stop.addEventListener("abort", () => client.close(), { once: true });
  try {
    return await work({ client, found, kept });
  } catch (error) {
    throw stop.aborted ? interrupted(error) : await explained(error, { client, found, kept });
  } finally {
    forget();
    client.close();
    await learning;
  }
}

/** Waits for an answer, and names the missing replicas if it takes long. */
export async function patiently<T>(
  answer: Promise<T>,
  { kept, terminal }: { readonly kept: KeptChain; readonly terminal: Terminal },
): Promise<T> {
  let isOver = false;
  const id = setTimeout(async () => {
    const seen = await probe(kept.present);
    if (isOver) return;
    if (seen.answering < seen.needed) terminal.say(`waiting: ${countText(seen)}`);
    else terminal.progress("waiting for an answer…");
  }, PATIENCE_MS);
  try {
    return await answer;
  } finally {
    isOver = true;
    clearTimeout(id);
    terminal.progress("");
  }
}

/** The names of the members whose signatures prove an outcome. */
export async function signersOf({ receipt }: Outcome, { client, found }: Session): Promise<readonly string[]> {
  return (await verifyReceipt(found.cluster, receipt, client.chain)).signers;
}

function interrupted(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error;
  const isSafe = error.effect === "none";
  return new CliError(
    `interrupted: the operation ${isSafe ? "was not executed" : "may or may not have been executed"}`,
    isSafe ? EXIT.no : EXIT.unknown,
  );
}

/** A client's error in words, with the cluster file and the next step. */
export async function explained(error: unknown, session: Session): Promise<unknown> {
  const { found, kept } = session;
  if (error instanceof CliError) return error;
  if (error instanceof RangeError || error instanceof TypeError) return new CliError(error.message, EXIT.usage);
  if (!(error instanceof ClientError)) return error;
  if (error instanceof OperationRejectedError) return await rejected(error, session);
  if (error instanceof QueryRejectedError) {
    return new CliError(`rejected: ${rejectionText(error.message, "query")}`, EXIT.no, {
      looked: lookedAt(session),
      next: rejectionHint(error.message, "query"),
    });
  }
  const seen = await probe(kept.present);
  const looked = `${membersText(seen)} (${found.source})`;
  const strangers = seen.members.filter(({ reach }) => reach === "belongs to another cluster").length;
  if (strangers > seen.members.length - seen.needed) {
    return new CliError(
      `no answer: ${found.source} is of another cluster than the replicas at its addresses`,
      EXIT.unreachable,
      {
        looked,
        next: "use the cluster.json that the replicas were started with",
      },
    );
  }
  if (error instanceof RequestDeniedError) {
    const isRefused = [401, 403].includes(error.status);
    return new CliError(error.message, isRefused ? EXIT.denied : error.status === 429 ? EXIT.unreachable : EXIT.no, {
      looked,
      next: isRefused
        ? "use a key that the replicas serve (--key FILE; their --clients lists the keys)"
        : error.status === 429
        ? "try again later"
        : undefined,
    });
  }
  if (error.effect === "none") {
    const what = seen.answering < seen.needed ? `no answer: ${countText(seen)}` : error.message;
    const next = seen.answering > 0
      ? "nothing was changed; look: pbft check"
      : "nothing was changed; look: pbft check. If other members have taken their places: pbft members list --from URL";
    return new CliError(what, EXIT.unreachable, { looked, next });
  }
  const what = error instanceof TimeoutError && seen.answering < seen.needed ? ` (${countText(seen)})` : "";
  return new CliError(`${error.message}${what}`, EXIT.unknown, {
    looked,
    next: "read the state before you send it again; look: pbft check",
  });
}

async function rejected(
  error: OperationRejectedError,
  session: Session,
): Promise<CliError> {
  const { client, found: { cluster } } = session;
  const { signers } = await verifyReceipt(cluster, error.receipt, client.chain);
  const names = signers.join(", ");
  return new CliError(
    `rejected: ${rejectionText(error.message)} (number ${error.sequence}, signed by ${names})`,
    EXIT.no,
    { looked: lookedAt(session), next: rejectionHint(error.message, "operation") },
  );
}

function lookedAt({ kept, found: { source } }: Session): string {
  return `${kept.present.genesis.stateMachine} (${source})`;
}
