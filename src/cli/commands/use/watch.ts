/**
 * `watch`: the changes of the state as they happen.
 * @module
 */
import type { BatchEvent, ChangeEvent, Client, MissedEvent, Watch } from "../../../client/mod.ts";
import { deferred } from "../../../node/async/deferred.ts";
import { keyText } from "../../calls/key_text.ts";
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
    'It ends with Ctrl-C. Replicas keep the last batches only: a line says which numbers were missed.\nA key of a typed machine is shown as accounts["ada"]; --prefix accounts! has one collection.\nWith --json each line is an event: kind is change (value null: removed), batch or missed; keys\nare as in the state.',
  run: ({ args: [key], values, terminal }) => {
    const watched = watchedOf(key, values);
    const from = values.from === undefined ? undefined : natural("--from", values.from, { min: 1, max: MAX_FROM });
    const limit = values.limit === undefined ? Infinity : natural("--limit", values.limit, { min: 1 });
    const timeoutMs = durationMs("--timeout", values.timeout ?? "10s");
    return withClient(values, terminal, async (session) => {
      const watch = open(session.client, watched, from);
      if (!await hasBegun(watch, { timeoutMs, session, terminal })) return EXIT.done;
      let count = 0;
      const { stateMachine } = session.kept.present.genesis;
      for await (const event of watch) {
        const line = terminal.isJson ? json(event, session) : text(event, stateMachine, terminal);
        if (line === null) continue;
        terminal.print(line);
        if (++count >= limit) break;
      }
      return EXIT.done;
    });
  },
});

function watchedOf(
  key: string | undefined,
  { prefix, batches }: { readonly prefix?: string; readonly batches?: boolean },
): Watched {
  if ([key, prefix, batches].filter((given) => given !== undefined).length > 1) {
    throw new CliError("expected one of KEY, --prefix and --batches, got several", EXIT.usage);
  }
  if (batches) return { batches: true };
  return key !== undefined ? { key } : { prefix: prefix ?? "" };
}

function open(client: Client, watched: Watched, from: number | undefined): Watch<AnyEvent> {
  const settings = from === undefined ? {} : { from };
  return "batches" in watched ? client.watch(watched, settings) : client.watch(watched, settings);
}

/** Waits until a quorum has said where it is. Returns false if the user has stopped it. */
async function hasBegun(
  watch: Watch<AnyEvent>,
  { timeoutMs, session, terminal }: {
    readonly timeoutMs: number;
    readonly session: Session;
    readonly terminal: Terminal;
  },
): Promise<boolean> {
  const late = deferred<"late">();
  const id = setTimeout(() => late.resolve("late"), timeoutMs);
  const begun = watch.begun.then(() => "begun" as const, () => "ended" as const);
  const what = await patiently(Promise.race([begun, late.promise]), { ...session, terminal });
  clearTimeout(id);
  if (what !== "late") return what === "begun";
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
