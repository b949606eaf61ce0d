/**
 * Sends one operation or query, and prints its result.
 * @module
 */
import { CliError, EXIT } from "../cli_error.ts";
import type { CLIENT_FLAGS } from "../parser/flags.ts";
import type { Values } from "../parser/verb.ts";
import type { Terminal } from "../terminal.ts";
import { type Operation, OperationRejectedError, QueryRejectedError } from "../../client/mod.ts";
import { explained, patiently, type Session, signersOf, withClient } from "./session.ts";

/** What a verb makes of a result. */
export interface Shown {
  /** Lines for standard output. */
  readonly lines: readonly string[];
  /** A word for people, on standard error. */
  readonly note?: string;
  /** Whether the answer is a no, which is exit code 1. */
  readonly isNo?: boolean;
}

/** An operation or a query of one verb. */
export interface Exchange {
  readonly values: Values<typeof CLIENT_FLAGS>;
  readonly terminal: Terminal;
  /** The operation; made when the cluster's machine is known. */
  readonly operation: Operation | ((machine: string) => Operation);
  /** How to show the result; by default as {@linkcode resultLines}. */
  readonly show?: (result: unknown) => Shown;
}

/** Has an operation executed. Returns the exit code. */
export async function execute({ values, terminal, operation, show = showResult }: Exchange): Promise<number> {
  return await withClient(values, terminal, async (session) => {
    const began = performance.now();
    const answer = patiently(session.client.submit(made(operation, session)), { ...session, terminal });
    const outcome = await answer.catch((error) => rethrown(error, operation, session));
    const ms = Math.round(performance.now() - began);
    const result = resultOf(outcome.value);
    const { lines, note, isNo } = show(result);
    if (terminal.isJson) {
      const signedBy = await signersOf(outcome, session);
      terminal.print(JSON.stringify({ result, sequence: outcome.sequence, signedBy, ms }));
    } else {
      for (const line of lines) terminal.print(line);
      if (note) terminal.say(note);
    }
    return isNo ? EXIT.no : EXIT.done;
  });
}

/** Asks a query. Returns the exit code. */
export async function ask({ values, terminal, operation, show = showResult }: Exchange): Promise<number> {
  return await withClient(values, terminal, async (session) => {
    const began = performance.now();
    const answer = query(session, made(operation, session), terminal);
    const result = await answer.catch((error) => rethrown(error, operation, session));
    const { lines, note, isNo } = show(result);
    if (terminal.isJson) terminal.print(JSON.stringify({ result, ms: Math.round(performance.now() - began) }));
    else {
      for (const line of lines) terminal.print(line);
      if (note) terminal.say(note);
    }
    return isNo ? EXIT.no : EXIT.done;
  });
}

function made(operation: Exchange["operation"], { kept }: Session): Operation {
  return typeof operation === "function" ? operation(kept.present.genesis.stateMachine) : operation;
}

/** Throws an error again. An operation of the key-value machine that another machine rejects gets a next step. */
export async function rethrown(error: unknown, operation: Exchange["operation"], session: Session): Promise<never> {
  const { stateMachine } = session.kept.present.genesis;
  const isRejected = error instanceof OperationRejectedError || error instanceof QueryRejectedError;
  const isOfKeyValue = typeof operation !== "function";
  if (!isRejected || !isOfKeyValue || stateMachine.startsWith("key-value/")) throw error;
  const told = await explained(error, session);
  if (!(told instanceof CliError)) throw told;
  const next = `this cluster runs ${stateMachine}, not the key-value machine: pbft call OP JSON, pbft ask QUERY JSON`;
  throw new CliError(told.message, told.exitCode, { ...told.lines, next });
}

/** The result of a query. */
export async function query(session: Session, operation: Operation, terminal: Terminal): Promise<unknown> {
  return resultOf(await patiently(session.client.queryBytes(operation), { ...session, terminal }));
}

/** A result: parsed JSON, text, or `base64:` and bytes. Numbers that JavaScript would round stay text. */
export function resultOf(value: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return `base64:${btoa(String.fromCharCode(...value))}`;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    return JSON.stringify(parsed).length >= text.replace(/\s/g, "").length || !/\d{16}/.test(text) ? parsed : text;
  } catch {
    return text;
  }
}

/** A result for people: texts as they are, everything else as JSON. */
export function showResult(result: unknown): Shown {
  return {
    lines: result === undefined || result === "" ? [] : [typeof result === "string" ? result : JSON.stringify(result)],
  };
}
