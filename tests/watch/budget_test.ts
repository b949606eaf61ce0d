/** What watchers may cost a replica whose log of changes is full. */
import { assertEquals, assertLess } from "@std/assert";
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { StateChange, StateMachine } from "../../src/core/state_machine.ts";
import { changesIn } from "../../src/http/watch/batch_index.ts";
import { WatchStreams } from "../../src/http/watch/streams.ts";
import type { HostedNode } from "../../src/http/hosted_node.ts";
import { ChangeLog } from "../../src/node/watching/change_log.ts";
import { ManualTimer } from "../node/_manual_timer.ts";

const PER_BATCH = 8_192;

/** A log with so many batches of small changes. Calls `onLook` for each key that is read. */
function logOf(batches: number, onLook: () => void = () => {}): ChangeLog {
  const log = new ChangeLog();
  let tell: (change: StateChange) => void = () => {};
  const machine = {
    execute: () => {
      for (let i = 0; i < PER_BATCH; i++) tell(new Change(i.toString(36), onLook));
      return new Uint8Array();
    },
    observeChanges: (observer: typeof tell) => tell = observer,
  } as unknown as StateMachine;
  const watched = log.attach(machine);
  for (let sequence = 1; sequence <= batches; sequence++) {
    watched.execute(new Uint8Array(), { sequence } as Parameters<StateMachine["execute"]>[1]);
    log.onEvent(
      { kind: "stage", stage: "executed", sequence, requests: 1, operations: PER_BATCH } as unknown as ReplicaEvent,
    );
  }
  return log;
}

class Change implements StateChange {
  readonly value = "1";
  constructor(readonly name: string, readonly onLook: () => void) {}

  get key(): string {
    this.onLook();
    return this.name;
  }
}

Deno.test("many watchers of what never changed look at a full log in slices, and hold up nobody", async () => {
  const timer = new ManualTimer();
  const looks = new Map<number, number>();
  const changes = logOf(20, () => looks.set(timer.monotonic(), (looks.get(timer.monotonic()) ?? 0) + 1));
  looks.clear(); // the log itself counts what it keeps
  const node = {
    changes,
    signChanges: () => new Uint8Array(64),
    status: () => ({ replica: { lastExecuted: 20, slots: [] } }),
  };
  const streams = new WatchStreams({
    node: node as unknown as HostedNode,
    timer,
    maxWatchers: 256,
    keepAliveMs: 15_000,
  });
  const open = (query: string) =>
    streams.answer(new Request(`http://replica.test/watch?${query}`), undefined).body!.pipeThrough(
      new TextDecoderStream(),
    ).getReader();
  const idle = Array.from({ length: 200 }, (_, i) => open(`from=1&prefix=none${i}`));
  for (const reader of idle) await reader.read();
  const pending = idle.map((reader) => reader.read());
  const honest = open("from=20&key=7");
  await honest.read();
  let line = "";
  void honest.read().then(({ value }) => line = value ?? "");
  await timer.advance(2_000);
  assertEquals(line.includes('"from":20'), true, line);
  await timer.advance(60_000);
  // All are through: each is told that there is nothing.
  assertEquals((await Promise.all(pending)).every(({ value }) => value!.includes('"batches":[]')), true);
  assertLess(Math.max(...looks.values()), 500_000);
  streams.close();
});

Deno.test("the log of changes is bounded by what changes take, however few characters they have", () => {
  const log = logOf(100);
  assertLess((log.next - log.first) * PER_BATCH, 150_000);
});

Deno.test("the changes of a large batch that match are found in their order", () => {
  const names = ["", "a", "ab", "abc", "b", "ba", "\u{1F600}", "\uFFFD", "z"];
  const changes = Array.from({ length: 500 }, (_, i) => ({ key: names[(i * i + 3 * i) % 9]!, value: String(i) }));
  for (const length of [0, 1, 16, 17, 500]) {
    const batch = { sequence: 1, requests: 1, operations: length, changes: changes.slice(0, length) };
    for (const name of [...names, "aa", "\uD83D", "zz"]) {
      const equal = batch.changes.filter(({ key }) => key === name);
      assertEquals(changesIn(batch, { key: name }).changes, equal);
      const starting = batch.changes.filter(({ key }) => key.startsWith(name));
      assertEquals(changesIn(batch, { prefix: name }).changes, starting);
    }
  }
});
