/**
 * `watch`: the changes of the state as they happen.
 * @module
 */
import type { BatchEvent, ChangeEvent, Client, MissedEvent, Watch } from "../../../client/mod.ts";
import { deferred } from "../../../node/async/deferred.ts";
import { keyText, watchedKey } from "../../calls/key_text.ts";
import { patiently, type Session, withClient } from "../../calls/session.ts";
import { countText, membersText, probe } from "../../check/probe.ts";
import { CliError, EXIT } from "../../cli_error.ts";
import { natural } from "../../numbers.ts";
import { durationMs } from "../../parser/duration.ts";
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";
import type { Terminal } from "../../terminal.ts";

type AnyEvent = BatchEvent | ChangeEvent | MissedEvent;
type Watched = { readonly key: string } | { readonly prefix: string } | { readonly batches: true };
/** What is asked for, and which of its keys are shown. */
type Choice = { readonly watched: Watched; readonly isShown?: (key: string) => boolean };

/** The largest number that a replica takes. */
const MAX_FROM = 999_999_999_999_999;

/** The verb. */
export const verb = defineVerb({
  about:
    "Prints the changes of the state as they happen, each with its number: those of one key, of the keys with a prefix, or of all keys. f + 1 " +
    "replicas have signed each.",
  args: [{ name: "KEY", help: "the key (all keys)", isOptional: true }],
  flags: {
    "prefix": { value: "P", help: "the keys that begin with this" },
    "batches": { help: "the batches themselves: how many requests and operations each has" },
    "from": { value: "N", help: "begin at this sequence number (with the next change)" },
    "limit": { value: "N", help: "end after N lines" },
    ...CLIENT_FLAGS,
  },
  notes:
    'It ends with Ctrl-C, or with --limit. In a pipe to a command that has ended, such as head, it ends at the next change.\nReplicas keep the last batches only: a line says which numbers were missed.\nA key of a typed machine is typed as it is shown, accounts["ada"] in quotes; accounts alone is all of it.\nWith --json each line is an event: kind is change (value null: removed), batch or missed; keys\nare as in the state.',
  run: ({ args: [key], values, terminal }) => {
    const chosen = choiceOf(key, values);
    const from = values.from === undefined ? undefined : natural("--from", values.from, { min: 1, max: MAX_FROM });
    const limit = values.limit === undefined ? Infinity : natural("--limit", values.limit, { min: 1 });
    const timeoutMs = durationMs("--timeout", values.timeout ?? "10s");
    return withClient(values, terminal, async (session) => {
      const { stateMachine } = session.kept.present.genesis;
      const { watched, isShown = () => true } = chosen(stateMachine);
      const watch = open(session.client, watched, from);
      // A watch from a number begins at once, whatever the cluster does. Another one tells where the cluster is.
      const present = from === undefined ? watch : open(session.client, watched, undefined);
      const next = await beginOf(present, { timeoutMs, session, terminal });
      if (next === null) return EXIT.done;
      if (present !== watch) await present.return();
      if (from !== undefined && from > next) terminal.say(`number ${from} is not reached yet: the next one is ${next}`);
      let count = 0;
      for await (const event of watch) {
        if (event.kind === "change" && !isShown(event.key)) continue;
        const line = terminal.isJson ? json(event, session) : text(event, stateMachine, terminal);
        if (line === null) continue;
        terminal.print(line);
        if (++count >= limit) break;
      }
      return EXIT.done;
    });
  },
});

/** The choice, when the cluster's machine is known. */
function choiceOf(
  key: string | undefined,
  { prefix, batches }: { readonly prefix?: string; readonly batches?: boolean },
): (machine: string) => Choice {
  if ([key, prefix, batches].filter((given) => given !== undefined).length > 1) {
    throw new CliError("expected one of KEY, --prefix and --batches, got several", EXIT.usage);
  }
  if (key !== undefined) return (machine) => watchedKey(key, machine);
  return () => ({ watched: batches ? { batches: true } : { prefix: prefix ?? "" } });
}

function open(client: Client, watched: Watched, from: number | undefined): Watch<AnyEvent> {
  const settings = from === undefined ? {} : { from };
  return "batches" in watched ? client.watch(watched, settings) : client.watch(watched, settings);
}

/**
 * Waits until a quorum has said where it is: the number at which it begins. Returns `null` if the user has stopped it.
 */
async function beginOf(
  watch: Watch<AnyEvent>,
  { timeoutMs, session, terminal }: {
    readonly timeoutMs: number;
    readonly session: Session;
    readonly terminal: Terminal;
  },
): Promise<number | null> {
  const late = deferred<"late">();
  const id = setTimeout(() => late.resolve("late"), timeoutMs);
  const begun = watch.begun.catch(() => null);
  const what = await patiently(Promise.race([begun, late.promise]), { ...session, terminal });
  clearTimeout(id);
  if (what !== "late") return what;
  const seen = await probe(session.kept.present);
  if (seen.answering < seen.needed) {
    throw new CliError(`no answer: ${countText(seen)}`, EXIT.unreachable, {
      looked: `${membersText(seen)} (${session.found.source})`,
      next: "look: pbft check",
    });
  }
  throw new CliError("no quorum of the members lets this client watch", EXIT.unreachable, {
    looked: session.found.source,
    next: "look: pbft check; members that choose their clients let only their readers watch",
  });
}

function json(event: AnyEvent, { kept: { present: { genesis } } }: Session): string {
  if (event.kind === "missed") return JSON.stringify(event);
  const { votes: _, signedBy, ...shown } = event;
  return JSON.stringify({ ...shown, signedBy: signedBy.map((replica) => genesis.replicas[replica]?.name ?? replica) });
}

/** `null`: of no interest to people. */
function text(event: AnyEvent, machine: string, { style }: Terminal): string | null {
  if (event.kind === "missed") return style.yellow(`missed ${event.from} to ${event.through}`);
  const number = style.dim(String(event.sequence));
  if (event.kind === "batch") return `${number} ${event.requests} requests, ${event.operations} operations`;
  const key = keyText(event.key, machine);
  if (key === null) return null;
  return event.value === null ? `${number} ${key} removed` : `${number} ${key} = ${event.value}`;
}
