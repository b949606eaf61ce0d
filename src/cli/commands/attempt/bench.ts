/**
 * `bench`: some seconds of load on a running cluster.
 * @module
 */
import { type Session, withClient } from "../../calls/session.ts";
import { CliError, EXIT } from "../../cli_error.ts";
import { natural } from "../../numbers.ts";
import { durationMs } from "../../parser/duration.ts";
import { CLIENT_FLAGS } from "../../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";
import { ClientError } from "../../../client/mod.ts";

const FLAGS = {
  "callers": { value: "N", help: "callers at the same time, each with one operation under way (50)" },
  "duration": { value: "TIME", help: "how long: 5s, 1m (5s)" },
  "operation": { value: "TEXT", help: "the operation that they send (INCR pbft-bench, removed at the end)" },
  "reads": { help: "send it as a query, which is not ordered" },
  ...CLIENT_FLAGS,
} as const satisfies Flags;

/** The key that the default operation counts in. */
const KEY = "pbft-bench";
/** After this many failures without a success between them, the rest would fail, too. */
const MOST_FAILURES = 3;

/** The verb. */
export const verb = defineVerb({
  about: "Sends operations to a running cluster for some seconds, and prints throughput and latency.",
  flags: FLAGS,
  notes:
    "All callers share one client, which signs many operations at once. deno task bench measures on a cluster of its own.",
  run: bench,
});

/** The measured figures. */
interface Measured {
  readonly latencies: number[];
  failed: number;
}

async function bench({ values, terminal }: Call<typeof FLAGS>): Promise<number> {
  const callers = natural("--callers", values.callers ?? "50", { min: 1, max: 10_000 });
  const durationInMs = durationMs("--duration", values.duration ?? "5s");
  return await withClient(values, terminal, async (session) => {
    const { operation = values.reads ? `GET ${KEY}` : `INCR ${KEY}` } = values;
    checkMachine(session, values.operation);
    // The first call opens the session, and shows errors at once.
    await send(session, operation, values.reads);
    const measured: Measured = { latencies: [], failed: 0 };
    const began = performance.now();
    const end = began + durationInMs;
    const id = setInterval(() => {
      const seconds = (performance.now() - began) / 1_000;
      terminal.progress(
        `${seconds.toFixed(0)} s: ${Math.round(measured.latencies.length / seconds)} operations a second`,
      );
    }, 500);
    const errors = await Promise.all(
      Array.from({ length: callers }, () => call(session, operation, values.reads, end, measured)),
    )
      .finally(() => clearInterval(id));
    const seconds = (performance.now() - began) / 1_000;
    if (values.operation === undefined && !values.reads) await session.client.submit(`DEL ${KEY}`);
    const error = errors.find((error) => error !== null);
    if (error && measured.latencies.length === 0) throw error;
    const result = resultOf(measured, callers, seconds);
    if (terminal.isJson) terminal.print(JSON.stringify(result));
    else {
      const { operations, perSecond, p50Ms, p99Ms, maxMs, failed } = result;
      terminal.print(
        `${operations.toLocaleString("en-US")} operations in ${seconds.toFixed(1)} s by ${callers} callers: ` +
          `${
            perSecond.toLocaleString("en-US")
          } a second; p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms; ${failed} failed`,
      );
    }
    return measured.failed > 0 ? EXIT.no : EXIT.done;
  });
}

function checkMachine({ kept: { present: { genesis } } }: Session, operation: string | undefined): void {
  if (operation !== undefined || genesis.stateMachine.startsWith("key-value/")) return;
  throw new CliError(
    `${genesis.stateMachine}: expected --operation TEXT, as it is not the key-value machine`,
    EXIT.usage,
  );
}

async function send({ client }: Session, operation: string, isRead = false): Promise<unknown> {
  return isRead ? await client.queryBytes(operation) : await client.submit(operation);
}

/** One caller. Returns the error that stopped it. */
async function call(
  session: Session,
  operation: string,
  isRead: boolean | undefined,
  end: number,
  measured: Measured,
): Promise<unknown> {
  for (let failures = 0; performance.now() < end;) {
    const began = performance.now();
    try {
      await send(session, operation, isRead);
      measured.latencies.push(performance.now() - began);
      failures = 0;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      measured.failed++;
      if (++failures >= MOST_FAILURES) return error;
    }
  }
  return null;
}

function resultOf({ latencies, failed }: Measured, callers: number, seconds: number) {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1));
  return {
    operations: latencies.length,
    seconds: Number(seconds.toFixed(3)),
    callers,
    perSecond: Math.round(latencies.length / seconds),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    failed,
  };
}
