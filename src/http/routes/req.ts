/**
 * `POST /req`: goPBFT's request, for any client with `curl`. The replica acts as a gateway: it signs the operation for
 * the client.
 *
 * Trust: nothing proves that a client owns its `clientID`. All unsigned clients share one namespace, in which any
 * member can forge operations or use up timestamps. Operations of signed clients cannot be forged in this way. The
 * client must trust the gateway for the result; a client that wants proof signs its requests and checks f + 1 replies
 * itself.
 *
 * A pair of `clientID` and timestamp is executed at most once. The replicas remember the last `sessionWindow`
 * timestamps of a name (64) with their results, until the name has been idle for `nameIdleMs` (10 minutes) and its
 * place is needed. A repetition after that would run again. A timestamp below the remembered ones is refused.
 *
 * A result that is JSON is copied into the answer unchanged. Other text is a string. Bytes that are not UTF-8 are in
 * `resultBase64`, and `result` is null.
 * @module
 */
import type { GatewayOperation, Result } from "../../core/messages/messages.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway_operations.ts";
import type { Rejection } from "../../node/ports.ts";
import { fromUtf8, toBase64 } from "../../wire/mod.ts";
import type { Deadlines } from "../bodies/deadlines.ts";
import type { HostedNode } from "../hosted_node.ts";
import { problem, type ProblemKind, problemOf, PROBLEMS } from "../problem.ts";

/** Options of {@linkcode gatewayResponse}. */
export interface GatewayResponseOptions {
  readonly node: HostedNode;
  /** How long to wait for a result. */
  readonly deadlines: Deadlines;
}

/** Answers `POST /req` after parsing: has the operation ordered, and returns its result. */
export async function gatewayResponse(
  operation: GatewayOperation,
  { node, deadlines }: GatewayResponseOptions,
): Promise<Response> {
  const { name: clientID, timestamp } = operation;
  const { signal, clear } = deadlines.signal();
  try {
    const answer = await node.vouch([operation], signal);
    if ("reason" in answer) return deniedResponse(answer, { clientID, timestamp });
    return orderedResponse(answer, { clientID, timestamp });
  } catch (error) {
    if (!signal.aborted) throw error;
    const detail = `no f + 1 equal results in time; the operation may still be executed. ${retryHint(timestamp)}`;
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
  // The request may have been sent before the node stopped.
  return problem("unavailable", { detail: `${rejection.detail}. ${retryHint(echo.timestamp)}`, more: echo });
}

function retryHint(timestamp: number): string {
  return `Retry with the same clientID, operation and timestamp ${timestamp}, at any replica: it is executed at most once.`;
}

function orderedResponse(answer: GatewayAnswer, echo: { clientID: string; timestamp: number }): Response {
  // By name: this node's epoch may have ended meanwhile, and then its ids say nothing.
  const { view, names: { gateway, voters }, results: [result] } = answer;
  if (result === undefined) throw new TypeError("results: expected one, got none");
  const common = {
    viewID: view,
    timestamp: echo.timestamp,
    clientID: echo.clientID,
    nodeID: gateway,
    sequenceID: result.sequence,
  };
  switch (result.status) {
    case "ok":
      return json({ ...common, ...resultFields(result), voters });
    case "rejected":
      return problem("rejected", { detail: resultText(result), more: { ...common, voters } });
    case "refused":
      return refusedResponse(result, { ...common, voters });
  }
}

function refusedResponse(
  result: Result,
  more: { readonly timestamp: number; readonly voters: readonly string[] },
): Response {
  const reason = resultText(result);
  const kind: ProblemKind = Object.hasOwn(PROBLEMS, reason) ? reason as ProblemKind : "rejected";
  const detail = kind === "expired"
    ? "the request was ordered after it had expired; it was not executed. " + retryHint(more.timestamp)
    : REFUSED[reason] ?? reason;
  return problem(kind, { detail, more: { ...more, reason } });
}

const REFUSED: Readonly<Record<string, string>> = {
  "stale-timestamp":
    "timestamp: expected a later one, as this clientID has used many later ones; it is not known whether this one was executed before, and it was not executed now",
  "too-early":
    "this gateway's request is valid for longer than clientIDs are remembered; it was not executed now, and may be later. Retry at another replica, with the same timestamp",
  "timestamp-reused":
    "timestamp: this clientID has used it for another operation; nothing was executed now. Use a new timestamp",
  "too-many-clients": "the client table is full of clientIDs in use; try again later",
};

/** JSON text that is copied into an answer unchanged. */
class RawJson {
  constructor(readonly text: string) {}
}

/**
 * Makes a JSON response. A field is a JSON value or {@linkcode RawJson}. The body ends with a newline, for terminals.
 */
function json(fields: Readonly<Record<string, unknown>>): Response {
  const texts = Object.entries(fields).map(([name, value]) => {
    return `${JSON.stringify(name)}:${value instanceof RawJson ? value.text : JSON.stringify(value)}`;
  });
  return new Response(`{${texts.join()}}\n`, { headers: { "content-type": "application/json" } });
}

/** The fields of a result: JSON unchanged, to the last digit; other text as a string; other bytes as base64. */
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
