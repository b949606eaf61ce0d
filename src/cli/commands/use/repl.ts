/**
 * `repl`: operations one after another, with history, completion and help.
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { operationOf } from "../../calls/operation_text.ts";
import { query, resultOf, showResult } from "../../calls/operation.ts";
import { explained, patiently, type Session, signersOf, withClient } from "../../calls/session.ts";
import { History } from "../../calls/history.ts";
import { CliError, EXIT } from "../../cli_error.ts";
import { inspectMachine, type MachineFacts, type MachineFile } from "../../machine/inspect.ts";
import { CLIENT_FLAGS, EXPORT_FLAG } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import type { Terminal } from "../../terminal.ts";

const KEY_VALUE: Readonly<Record<string, string>> = {
  GET: "GET key                    the value of a key",
  SET: "SET key value              set a key",
  DEL: "DEL key                    remove a key",
  CAS: "CAS key expected value     replace a value if it is the expected one; null: no such key",
  INCR: "INCR key [by]              add to a number",
  KEYS: "KEYS [prefix [after]]      list keys",
};
/** Text commands that read only; they use no sequence number. */
const READS: ReadonlySet<string> = new Set(["GET", "KEYS"]);
const META: Readonly<Record<string, string>> = {
  help: "help                       this list",
  exit: "exit                       leave (Ctrl-D)",
};
const ANY: Readonly<Record<string, string>> = {
  call: "call OP [JSON]             an operation; of a machine of your own, OP JSON does, too",
  ask: "ask QUERY [JSON]           a query",
};

/** The verb. */
export const verb = defineVerb({
  about:
    "Reads operations line by line, and prints their results: GET, SET … of the key-value machine; call OP JSON and ask QUERY " +
    "JSON for any machine.",
  flags: {
    ...CLIENT_FLAGS,
    "machine": {
      value: "FILE",
      isFile: true,
      help:
        "the file that exports the cluster's machine, if it is a typed one: help and Tab then know its operations, and their names need no call or ask",
    },
    ...EXPORT_FLAG,
  },
  notes:
    "Tab completes, arrows go through the history, help lists the operations. Lines from a pipe work too: then the exit\ncode is that of the first line that failed.",
  run: ({ values, terminal }) =>
    withClient(values, terminal, async (session) => {
      const { machine: path, export: exportName } = values;
      const known = path === undefined ? null : await namesIn({ path, exportName }, session);
      return await readLines(session, terminal, known);
    }),
});

/** The names of a typed machine's operations and queries. */
type Names = Pick<MachineFacts, "operations" | "queries">;

/** The operations and queries of a typed machine. @throws {CliError} if the cluster runs another one. */
async function namesIn(file: MachineFile, session: Session): Promise<Names> {
  const { version, operations, queries } = await inspectMachine(file);
  const { stateMachine } = session.kept.present.genesis;
  if (version !== stateMachine) {
    throw new CliError(`--machine: ${file.path} is ${version}, and the cluster runs ${stateMachine}`, EXIT.usage, {
      next: "name the file of that machine, or another cluster with --cluster",
    });
  }
  return { operations, queries };
}

/** How one calls them, for Tab and the list. */
function wordsOf({ operations, queries }: Names): Readonly<Record<string, string>> {
  const lines = [...operations.map((name) => `call ${name}`), ...queries.map((name) => `ask ${name}`)];
  return Object.fromEntries(lines.map((line) => [line, `${line} JSON`]));
}

async function readLines(
  session: Session,
  terminal: Terminal,
  known: Names | null,
): Promise<number> {
  const { found: { source }, kept: { present: { genesis } } } = session;
  const words = {
    ...(genesis.stateMachine.startsWith("key-value/") ? KEY_VALUE : {}),
    ...(known ? wordsOf(known) : {}),
    ...ANY,
    ...META,
  };
  const isInteractive = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const history = isInteractive ? new History() : null;
  const reader = createInterface({
    input: process.stdin,
    output: isInteractive ? process.stdout : undefined,
    terminal: isInteractive,
    history: [...history?.lines ?? []],
    historySize: History.MOST,
    removeHistoryDuplicates: true,
    completer: (line: string) =>
      completions([...Object.keys(words), ...known?.operations ?? [], ...known?.queries ?? []], line),
    prompt: `${genesis.name}> `,
  });
  if (isInteractive) {
    terminal.say(
      `${genesis.stateMachine} on ${genesis.replicas.length} replicas (${source}); help lists the operations`,
    );
    reader.prompt();
  }
  let code: number = EXIT.done;
  reader.on("SIGINT", () => reader.close());
  for await (const text of reader) {
    const line = text.trim();
    if (/^(exit|quit)$/i.test(line)) break;
    if (/^(help|\?)$/i.test(line)) { for (const row of Object.values(words)) terminal.print(`  ${row}`); }
    else if (line !== "" && !line.startsWith("#")) {
      const failed = await runLine(session, line, terminal, known);
      code ||= failed;
      history?.add(line);
    }
    if (isInteractive) reader.prompt();
  }
  reader.close();
  return isInteractive ? EXIT.done : code;
}

/** Runs one line. Returns the exit code that it would have as a verb. */
async function runLine(session: Session, line: string, terminal: Terminal, known: Names | null): Promise<number> {
  const began = performance.now();
  try {
    const { isRead, operation } = operationIn(line, session.kept.present.genesis.stateMachine, known);
    if (isRead) {
      const result = await query(session, operation, terminal);
      show(result, terminal);
    } else {
      const outcome = await patiently(session.client.submit(operation), { ...session, terminal });
      show(resultOf(outcome.value), terminal, {
        sequence: outcome.sequence,
        signedBy: await signersOf(outcome, session),
      });
    }
    if (process.stdin.isTTY) terminal.say(terminal.style.dim(`(${Math.round(performance.now() - began)} ms)`));
    return EXIT.done;
  } catch (error) {
    const told = await explained(error, session);
    if (!(told instanceof CliError)) throw told;
    console.error(
      terminal.style.red(`error: ${told.message}`) + (told.lines.looked ? `\n  ${told.lines.looked}` : "") +
        (told.lines.next ? `\n  next: ${told.lines.next}` : ""),
    );
    return told.exitCode;
  }
}

function show(result: unknown, terminal: Terminal, more: object = {}): void {
  if (terminal.isJson) terminal.print(JSON.stringify({ result, ...more }));
  else if (result === null) terminal.print("null");
  else for (const line of showResult(result).lines) terminal.print(line);
}

/**
 * The operation of a line, and whether it is a query. `known`: the names of the machine, if its file was given. A name alone is enough
 * then, and another name is not sent.
 */
function operationIn(
  line: string,
  machine: string,
  known: Names | null,
): { readonly isRead: boolean; readonly operation: string | object } {
  const [, word = "", rest = ""] = /^(\S+)\s*([^]*)$/.exec(line)!;
  if (!/^(call|ask)$/i.test(word)) {
    const isText = machine.startsWith("key-value/");
    if (isText) return { isRead: READS.has(word.toUpperCase()), operation: line };
    if (known && !line.startsWith("{")) {
      const isRead = known.queries.includes(word);
      if (!isRead && !known.operations.includes(word)) {
        throw new CliError(`${word}: ${machine} has no such operation or query`, EXIT.usage, {
          next: "help lists them",
        });
      }
      return { isRead, operation: operationOf(word, rest === "" ? undefined : rest, machine) };
    }
    if (rest !== "" && !line.startsWith("{")) return { isRead: false, operation: operationOf(word, rest, machine) };
    throw new CliError(`${word}: expected call OP JSON or ask QUERY JSON`, EXIT.usage, { next: "help lists them" });
  }
  const [, name = "", input = ""] = /^(\S+)\s*([^]*)$/.exec(rest) ?? [];
  if (name === "") throw new CliError(`${word}: expected the name of an operation, got nothing`, EXIT.usage);
  const isWhole = name.startsWith("{");
  return {
    isRead: /^ask$/i.test(word),
    operation: operationOf(isWhole ? rest : name, isWhole || input === "" ? undefined : input, machine),
  };
}

function completions(words: readonly string[], line: string): [string[], string] {
  const found = words.filter((word) => word.toLowerCase().startsWith(line.toLowerCase()));
  return [line === "" || found.length > 0 ? found.map((word) => `${word} `) : [], line];
}
