/** The feed of a recording: JSON lines. The first one is `{"members":[...],"name":...}`, each other one an event with `replica` and `at`. */
import { factsOf, type PageEvent } from "../model/event.ts";
import { MAX_ENTRIES } from "../model/history.ts";
import type { Feed, Sink } from "./feed.ts";

/** The largest recording that is read, bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A recording that was dropped on the page. */
export class RecordingFeed implements Feed {
  readonly isLive = false;
  readonly actions = [];

  private constructor(readonly name: string, readonly lines: readonly string[]) {}

  /** Reads a file. @throws {Error} that says what is wrong with it. */
  static async read(file: File): Promise<RecordingFeed> {
    if (file.size > MAX_BYTES) throw new Error(`${file.name}: ${file.size} bytes, at most ${MAX_BYTES} are read`);
    const lines = (await file.text()).split("\n").filter((line) => line.trim() !== "");
    const head = parse(lines[0] ?? "", 1);
    const { members } = head;
    const isList = Array.isArray(members) && members.length > 0 && members.length <= 100 &&
      members.every((one) => typeof one === "string");
    if (!isList) {
      throw new Error(
        `${file.name}: expected the members in the first line, such as {"members":["Apple","Ball","Candy","Dog"]}`,
      );
    }
    return new RecordingFeed(file.name, lines);
  }

  start(sink: Sink): void {
    const head = parse(this.lines[0]!, 1);
    sink.begin(
      factsOf(String(head.name ?? this.name), (head.members as string[]).map(String)),
      head.clock === "virtual" ? "virtual" : "wall",
    );
    try {
      for (const [index, line] of this.lines.slice(-MAX_ENTRIES).entries()) {
        const event = parse(line, index + 1);
        if (Array.isArray(event.members) && event.kind !== "snapshot") continue;
        const { replica, at, kind } = event;
        if (!Number.isInteger(replica) || typeof at !== "number" || !Number.isFinite(at) || typeof kind !== "string") {
          throw new Error(`line ${index + 1}: expected an event with replica, at and kind`);
        }
        sink.event(replica as number, at, event as unknown as PageEvent);
      }
      sink.trouble(null);
    } catch (error) {
      sink.trouble(`${this.name}: ${(error as Error).message}`);
    }
    sink.flush();
  }

  stop(): void {}

  act(): Promise<string> {
    return Promise.reject(new Error("a recording cannot be changed"));
  }
}

function parse(line: string, number: number): Record<string, unknown> {
  try {
    const value = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value;
  } catch { /* said below */ }
  throw new Error(`line ${number}: expected a JSON object`);
}
