/**
 * Records the events of all replicas as JSON lines, for the live page and for `replay`.
 * @module
 */
import { createWriteStream } from "node:fs";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";

/** A replica to record. */
export interface Recorded {
  readonly name: string;
  readonly url: string;
}

/** A stream that has ended is opened again after this time, ms. */
const AGAIN_MS = 500;

/**
 * Appends to a file until `signal` aborts: one line per event, `{"replica":"Apple","event":"sent",…}`.
 * @throws {CliError} if it cannot be written.
 */
export async function record(path: string, replicas: readonly Recorded[], signal: AbortSignal): Promise<void> {
  const file = createWriteStream(path, { flags: "a" });
  await new Promise<void>((resolve, reject) => {
    file.once("open", () => resolve());
    file.once("error", (error) => reject(new CliError(`--record: ${path}: ${reasonOf(error)}`, EXIT.usage)));
  });
  file.on("error", () => {});
  for (const replica of replicas) void follow(replica, signal, (line) => void file.write(`${line}\n`));
  signal.addEventListener("abort", () => file.end(), { once: true });
}

async function follow({ name, url }: Recorded, signal: AbortSignal, write: (line: string) => void): Promise<void> {
  let last = "";
  while (!signal.aborted) {
    try {
      const headers: HeadersInit = last === "" ? {} : { "last-event-id": last };
      const response = await fetch(`${url}/events?messages`, { signal, headers });
      let text = "";
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + chunk).split("\n\n");
        text = blocks.pop()!;
        for (const block of blocks) {
          const fields = fieldsOf(block);
          last = fields.id ?? last;
          if (fields.data) {
            write(`{"replica":${JSON.stringify(name)},"event":${JSON.stringify(fields.event)},"data":${fields.data}}`);
          }
        }
      }
    } catch { /* the replica is away */ }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** The fields of one event of a stream. */
function fieldsOf(block: string): { readonly [field: string]: string | undefined } {
  const lines = block.split("\n").map((line) => /^(\w+): ?(.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => match ? [[match[1]!, match[2]!]] : []));
}
