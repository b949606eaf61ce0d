/**
 * `POST /req`: goPBFT's request, for anybody with `curl`. The replica is a gateway: it vouches for the operation.
 *
 * What that trusts: nothing proves who a `clientID` is. All unsigned clients share one namespace, in which each member
 * can forge or burn operations; signed clients are out of its reach. The result is as good as the gateway's word; a
 * client that wants proof signs, and checks f + 1 replies itself.
 *
 * A `clientID` and its timestamp run once. The last `sessionWindow` timestamps of a name (64) are remembered with
 * their results, until the name has been idle for `nameIdleMs` (10 minutes) and its place is needed; after that a
 * repetition would run again. Timestamps below the remembered ones are refused.
 *
 * A result that is JSON stands in the answer as the state machine wrote it; other text as a string; bytes that are no text are in
 * `resultBase64`, with `result: null`.
 * @module
 */
import type { Result, VouchedOperation } from "../../core/messages/messages.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway.ts";
import type { Rejection } from "../../node/ports.ts";
import { fromUtf8, toBase64 } from "../../wire/mod.ts";
import type { Deadlines } from "../bodies/deadlines.ts";
import type { HostedNode } from "../hosted_node.ts";
import { problem, type ProblemKind, problemOf, PROBLEMS } from "../problem.ts";

/** What {@linkcode vouchedAnswer} needs. */
export interface VouchedOptions {
  readonly node: HostedNode;
  /** By when a result must be there. */
  readonly deadlines: Deadlines;
}

/** `POST /req`, once the operation was read: has it ordered, and gives the result. */
export async function vouchedAnswer(
  operation: VouchedOperation,
  { node, deadlines }: VouchedOptions,
): Promise<Response> {
  const { name: clientID, timestamp } = operation;
  const { signal, clear } = deadlines.signal();
  try {
    const answer = await node.vouch([operation], signal);
    if ("reason" in answer) return deniedResponse(answer, { clientID, timestamp });
    return orderedResponse(answer, { clientID, timestamp }, node);
  } catch (error) {
    if (!signal.aborted) throw error;
    const detail = `It may still be executed. ${retryHint(timestamp)}`;
    return problem("no-quorum", { detail, more: { clientID, timestamp } });
  } finally {
    clear();
  }
}

function deniedResponse(
  rejection: Rejection,
  echo: { readonly clientID: string; readonly timestamp: number },
): Response {
  if (rejection.reason !== "unavailable") return problemOf(rejection, echo);
  // It may have been sent out before the node stopped.
  return problem("unavailable", { detail: `${rejection.detail}. ${retryHint(echo.timestamp)}`, more: echo });
}

function retryHint(timestamp: number): string {
  return `A retry with the same clientID, operation and timestamp ${timestamp} is safe, at any replica: it runs once.`;
}

function orderedResponse(
  answer: GatewayAnswer,
  echo: { clientID: string; timestamp: number },
  node: HostedNode,
): Response {
  const { view, voters, results: [result] } = answer;
  if (result === undefined) throw new TypeError("results: expected one, got none");
  const nameOf = (replica: number) => node.genesis.replicas[replica]!.name;
  const common = {
    viewID: view,
    timestamp: echo.timestamp,
    clientID: echo.clientID,
    nodeID: nameOf(node.self),
    sequenceID: result.sequence,
  };
  const names = voters.map(nameOf);
  switch (result.status) {
    case "ok":
      return json({ ...common, ...resultFields(result), voters: names });
    case "rejected":
      return problem("rejected", { detail: resultText(result), more: { ...common, voters: names } });
    case "refused":
      return refusedResponse(result, { ...common, voters: names });
  }
}

function refusedResponse(
  result: Result,
  more: { readonly timestamp: number; readonly voters: readonly string[] },
): Response {
  const reason = resultText(result);
  const kind: ProblemKind = Object.hasOwn(PROBLEMS, reason) ? reason as ProblemKind : "rejected";
  const detail = kind === "expired" ? "it was not executed. " + retryHint(more.timestamp) : REFUSED[reason] ?? reason;
  return problem(kind, { detail, more: { ...more, reason } });
}

const REFUSED: Readonly<Record<string, string>> = {
  "stale-timestamp":
    "this clientID has used so many later timestamps since that it is no longer known whether this one was executed; nothing ran now",
  "too-early":
    "this gateway has promised for longer than clientIDs are remembered; it did not run, and may run later. A retry at another replica is safe",
  "timestamp-reused":
    "this clientID has used this timestamp for another operation; nothing ran now. Use a new timestamp",
  "too-many-clients": "every remembered clientID was in use a short while ago; try again later",
};

/** JSON that is put into an answer as it is. */
class RawJson {
  constructor(readonly text: string) {}
}

/** A field holds plain JSON, or {@linkcode RawJson}. With a line's end, for terminals. */
function json(fields: Readonly<Record<string, unknown>>): Response {
  const texts = Object.entries(fields).map(([name, value]) => {
    return `${JSON.stringify(name)}:${value instanceof RawJson ? value.text : JSON.stringify(value)}`;
  });
  return new Response(`{${texts.join()}}\n`, { headers: { "content-type": "application/json" } });
}

/** JSON as the state machine wrote it, to the last digit; other text as a string; other bytes as base64. */
function resultFields({ value }: Result): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = fromUtf8(value);
  } catch {
    return { result: null, resultBase64: toBase64(value) };
  }
  try {
    JSON.parse(text);
    return { result: new RawJson(text) };
  } catch {
    return { result: text };
  }
}

function resultText(result: Result): string {
  return new TextDecoder().decode(result.value);
}
