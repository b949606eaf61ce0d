/** Recordings of `pbft dev --record`, dropped on the page. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Sink } from "../../page/feeds/feed.ts";
import { RecordingFeed } from "../../page/feeds/recording.ts";

const SNAPSHOT = { replica: "Apple", event: "snapshot", data: { at: 1, members: ["Apple", "<img src=x>"], slots: [] } };
const SENT = {
  replica: "<img src=x>",
  event: "sent",
  data: { at: 2.5, to: "all", message: { kind: "commit", id: "a", bytes: 9 } },
};

function fileOf(...lines: unknown[]): File {
  return new File(
    [lines.map((line) => typeof line === "string" ? line : JSON.stringify(line)).join("\n")],
    "trace.jsonl",
  );
}

Deno.test("a recording gives its members and its events in their order", async () => {
  const feed = await RecordingFeed.read(
    fileOf(SNAPSHOT, SENT, "", { replica: "Apple", event: "dropped", data: { events: 7 } }),
  );
  const told: unknown[] = [];
  feed.start(
    {
      begin: ({ members, quorum }) => told.push(members, quorum),
      event: (replica, at, { kind }) => told.push([replica, at, kind]),
      flush: () => told.push("flush"),
      trouble: (text) => told.push(text),
    } satisfies Sink,
  );
  assertEquals(told, [
    ["Apple", "<img src=x>"],
    2,
    [0, 1, "snapshot"],
    [1, 2.5, "sent"],
    [-1, 0, "gap"],
    null,
    "flush",
  ]);
});

Deno.test("a file that is no recording is refused with the line that is wrong", async () => {
  for (
    const lines of [["nonsense"], [SNAPSHOT, "null"], [SNAPSHOT, { ...SENT, data: {} }], [SNAPSHOT, { event: "sent" }]]
  ) {
    const { message } = await assertRejects(() => RecordingFeed.read(fileOf(...lines)), Error);
    assertStringIncludes(message, `trace.jsonl, line ${lines.length}: expected`);
  }
  for (const lines of [[], [SENT], [{ ...SNAPSHOT, data: { at: 1, members: [1] } }]]) {
    assertStringIncludes(
      (await assertRejects(() => RecordingFeed.read(fileOf(...lines)), Error)).message,
      "expected a snapshot",
    );
  }
});
