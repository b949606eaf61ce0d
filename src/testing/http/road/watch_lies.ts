/**
 * What a Byzantine replica tells those who watch: other changes, none, and some again, signed by itself or by nobody.
 * @module
 */
import { decodeWatchLine, encodeWatchLine, type WatchStatement } from "../../../wire/mod.ts";
import { utf8 } from "../../../core/tree/text.ts";
import type { Coverage } from "../../coverage.ts";
import type { Random } from "../../random.ts";

/** A liar. */
export interface WatchLiar {
  readonly random: Random;
  readonly coverage: Coverage;
  /** Signs in its name. */
  readonly sign: (statement: Uint8Array) => Uint8Array;
}

/** The part of its lines that are lies. */
const LIES = 0.3;

/** What it makes of a statement; a list: several in its place. */
const TALES: Readonly<Record<string, (told: WatchStatement, random: Random) => readonly WatchStatement[]>> = {
  "nothing has changed": (told) => [{ ...told, batches: [] }],
  "something else": (told, random) => [{ ...told, batches: told.batches.map((batch) => other(batch, random)) }],
  "one less": (told) => [{ ...told, batches: told.batches.slice(1) }],
  "again": (told) => [told, told],
  "not at all": () => [],
  "of later numbers": (told, random) => {
    const by = random.pick([1, 2, 1_000_000]);
    return [{
      ...told,
      from: told.from + by,
      through: told.through + by,
      batches: told.batches.map(([sequence, content]) => [sequence + by, content] as const),
    }];
  },
  "as far as anybody can count": (told) => [{ ...told, through: Number.MAX_SAFE_INTEGER - 1 }],
  "a gap": (told) => told.through > told.from ? [{ ...told, from: told.from + 1, batches: told.batches.slice(1) }] : [],
};

type Batch = WatchStatement["batches"][number];

function other([sequence, content]: Batch, random: Random): Batch {
  if ("requests" in content) return [sequence, { ...content, requests: content.requests + 1 }];
  return [sequence, random.chance(0.5) ? [...content, ["a", "lie"]] : content.map(([key]) => [key, "lie"] as const)];
}

/** The stream as it tells it. */
export function liedLines(body: ReadableStream<Uint8Array>, liar: WatchLiar): ReadableStream<Uint8Array> {
  let rest = "";
  const decoder = new TextDecoder();
  return body.pipeThrough(
    new TransformStream(
      {
        transform(chunk, controller) {
          const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
          rest = lines.pop()!;
          for (const line of lines) {
            for (const told of line === "" ? [line] : liedLine(line, liar)) controller.enqueue(utf8(`${told}\n`));
          }
        },
      },
      undefined,
      { highWaterMark: 0 },
    ),
  );
}

function liedLine(line: string, { random, coverage, sign }: WatchLiar): readonly string[] {
  if (!random.chance(LIES)) return [line];
  const { statement, signatureBytes } = decodeWatchLine(line);
  const tale = random.pick(Object.keys(TALES));
  coverage.count("http lie", `watch: ${tale}`);
  const isSigned = random.chance(0.8);
  return TALES[tale]!(JSON.parse(statement), random).map((told) => {
    const text = JSON.stringify(told);
    return encodeWatchLine(text, isSigned ? sign(utf8(text)) : signatureBytes);
  });
}
