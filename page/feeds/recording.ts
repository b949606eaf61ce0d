/**
 * The feed of a recording, as `pbft dev --record FILE` writes it: JSON lines, `{"replica":"Apple","event":"sent","data":{"at":…,…}}`.
 * The members are those of the first snapshot.
 */
import { factsOf, type PageEvent } from "../model/event.ts";
import { MAX_ENTRIES } from "../model/history.ts";
import type { Feed, Sink } from "./feed.ts";

/** The largest recording that is read, bytes. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_MEMBERS = 100;

interface Line {
  readonly replica: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A recording that was dropped on the page. */
export class RecordingFeed implements Feed {
  readonly isLive = false;
  readonly actions = [];

  private constructor(readonly name: string, readonly members: readonly string[], readonly lines: readonly Line[]) {}

  /** Reads a file. @throws {Error} that says what is wrong with it. */
  static async read(file: File): Promise<RecordingFeed> {
    if (file.size > MAX_BYTES) throw new Error(`${file.name}: ${file.size} bytes, at most ${MAX_BYTES} are read`);
    const texts = (await file.text()).split("\n");
    const lines = texts.flatMap((text, i) => text.trim() === "" ? [] : [parse(text, `${file.name}, line ${i + 1}`)]);
    const members = lines.find(({ event }) => event === "snapshot")?.data.members;
    const isList = Array.isArray(members) && members.length > 0 && members.length <= MAX_MEMBERS &&
      members.every((one) => typeof one === "string");
    if (!isList) {
      throw new Error(`${file.name}: expected a snapshot with the members, as \`pbft dev --record\` writes it`);
    }
    return new RecordingFeed(file.name, members, lines);
  }

  start(sink: Sink): void {
    sink.begin(factsOf(this.name, this.members), "wall");
    for (const { replica, event, data } of this.lines.slice(-MAX_ENTRIES)) {
      const id = this.members.indexOf(replica);
      if (event === "dropped") sink.event(-1, 0, { kind: "gap", events: Number(data.events) });
      else if (id >= 0) sink.event(id, data.at as number, { ...data, kind: event } as unknown as PageEvent);
    }
    sink.trouble(null);
    sink.flush();
  }

  stop(): void {}

  act(): Promise<string> {
    return Promise.reject(new Error("a recording cannot be changed"));
  }
}

function parse(text: string, where: string): Line {
  let line: Line | null = null;
  try {
    line = JSON.parse(text);
  } catch { /* said below */ }
  const { replica, event, data } = line ?? {};
  const isTimed = event === "dropped" || Number.isFinite(data?.at);
  if (typeof replica === "string" && typeof event === "string" && isTimed) return line!;
  throw new Error(`${where}: expected {"replica":"Apple","event":"sent","data":{"at":…}}`);
}
