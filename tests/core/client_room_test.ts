/** Which entry of the client table gives way, and what it costs to find out. */
import { assertEquals } from "@std/assert";
import { Idlest, makeRoom } from "../../src/core/clients/client_room.ts";
import type { Millis } from "../../src/core/messages/ids.ts";
import { Random } from "../../src/testing/random.ts";

interface Entry {
  readonly key: string;
  lastUsed: Millis;
}

/** A table that counts how often somebody looks at all entries. */
class Watched extends Map<string, Entry> {
  looks = 0;

  override [Symbol.iterator]() {
    this.looks++;
    return super[Symbol.iterator]();
  }
}

/** The rule as it is written: looks at all entries. */
function idlestOf(table: ReadonlyMap<string, Entry>, { idleMs, now }: { idleMs: number; now: number }): string | null {
  const [first] = [...table.values()].sort((a, b) => a.lastUsed - b.lastUsed || (a.key < b.key ? -1 : 1));
  return first && first.lastUsed + idleMs <= now ? first.key : null;
}

for (const idleMs of [0, 1, 10, 50]) {
  Deno.test(`the entry that was idle longest gives way, with an idle time of ${idleMs} ms`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = new Random(seed);
      const table = new Map<string, Entry>();
      const idlest = new Idlest(table);
      let [before, now] = [0, 0];
      for (let i = 0; i < 400; i++) {
        // As in batches: several uses at one time, which never falls. Names are judged by the time of the batch before.
        if (random.int(0, 3) === 0) [before, now] = [now, now + random.int(0, 6)];
        const judgedAt = seed % 2 === 0 ? now : before;
        const key = `k${random.int(0, 30)}`;
        const known = table.get(key);
        if (known) {
          known.lastUsed = now as Millis;
          continue;
        }
        if (random.int(0, 40) === 0) {
          // As after an undone batch, or a restart.
          for (const entry of table.values()) entry.lastUsed = Math.max(0, entry.lastUsed - random.int(0, 5)) as Millis;
          idlest.reset();
        }
        const room = { max: 12, idleMs, now: judgedAt };
        const expected = table.size < room.max ? "there is room" : idlestOf(table, room);
        let evicted: string | null = null;
        const hasRoom = makeRoom(table, idlest, room, (entry) => void (evicted = entry.key));
        assertEquals(hasRoom ? evicted ?? "there is room" : null, expected, `seed ${seed}, ${i}`);
        if (hasRoom) table.set(key, { key, lastUsed: now as Millis });
      }
    }
  });
}

Deno.test("a flood of new clients does not have a replica look at the whole table for each", () => {
  const table = new Watched();
  const idlest = new Idlest<Entry>(table);
  const add = (i: number, now: number) => {
    const hasRoom = makeRoom(table, idlest, { max: 4_096, idleMs: 1_000, now }, () => {});
    if (hasRoom) table.set(`n${i}`, { key: `n${i}`, lastUsed: now as Millis });
    return hasRoom;
  };
  for (let i = 0; i < 4_096; i++) add(i, i % 7);
  let letIn = 0;
  for (let i = 0; i < 10_000; i++) if (add(10_000 + i, 500)) letIn++;
  assertEquals([letIn, table.looks], [0, 1]);
  // After an idle time all give way, one for each newcomer.
  for (let i = 0; i < 4_096; i++) if (add(20_000 + i, 2_000)) letIn++;
  assertEquals([letIn, table.size], [4_096, 4_096]);
  assertEquals(table.looks < 4, true, `${table.looks}`);
});
