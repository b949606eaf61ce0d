/** What the verbs make of the words of a state machine. */
import { assertEquals } from "@std/assert";
import { keyText, watchedKey } from "../../src/cli/calls/key_text.ts";
import { rejectionText } from "../../src/cli/calls/operation_text.ts";
import { collection, counter, defineMachine, unchecked } from "../../src/machines/typed/mod.ts";

Deno.test("a watch names the keys of a typed machine as its author does, and leaves its own ones out", () => {
  const machine = defineMachine({
    name: "bank",
    version: 1,
    state: {
      accounts: collection(unchecked<number>()),
      entries: collection(unchecked<number>(), { key: unchecked<readonly [string, number]>() }),
      leases: collection(unchecked<{ until: number }>(), { expires: "until" }),
      next: counter(),
    },
    operations: {
      all: {
        run({ accounts, entries, leases, next }, _, { random }) {
          accounts.set('a"é', 1);
          entries.set(["a", next.next()], 2);
          leases.set("l", { until: 99 + Math.round(random()) });
        },
      },
    },
  });
  const keys: (string | null)[] = [];
  const made = machine();
  const raws: string[] = [];
  made.observeChanges!(({ key }) => {
    raws.push(key);
    keys.push(keyText(key, "bank/1"));
  });
  const context = { client: "ada", timestamp: 1, sequence: 1 } as Parameters<typeof made.execute>[1];
  made.execute(machine.encode("all"), context);
  assertEquals(keys.filter((key) => key !== null).sort(), [
    'accounts["a\\"é"]',
    'entries[["a",1]]',
    'leases["l"]',
    "next",
  ]);
  assertEquals(keys.filter((key) => key === null).length, 2);
  // What is shown can be typed.
  for (const raw of raws) {
    const shown = keyText(raw, "bank/1");
    if (shown === null) continue;
    const { watched, isShown = () => true } = watchedKey(shown, "bank/1");
    assertEquals("key" in watched ? watched.key === raw : raw.startsWith(watched.prefix) && isShown(raw), true, shown);
  }
  const { isShown } = watchedKey("next", "bank/1");
  assertEquals(["next", "next!", "next!sa", "nextOne!sa", "nex"].map(isShown!), [true, true, true, false, false]);
  assertEquals(watchedKey("accounts[ada]", "bank/1"), watchedKey('accounts["ada"]', "bank/1"));
  assertEquals(watchedKey('a["b"]', "key-value/1"), { watched: { key: 'a["b"]' } });
  for (const key of ["user/1", "user!x", "#1"]) {
    assertEquals(keyText(key, "key-value/1"), key);
    if (key !== "#1") assertEquals(keyText(key, "by-hand/1"), key);
  }
});

Deno.test("a rejection of a typed machine is in words", () => {
  assertEquals(rejectionText('{"error":"tooLittle","detail":{"balance":3}}'), 'tooLittle {"balance":3}');
  assertEquals(rejectionText('{"error":"notYours"}'), "notYours");
  assertEquals(rejectionText('{"error":"unknown","detail":{"name":"depos"}}'), "there is no such operation: depos");
  for (const text of ["full", "null", '{"error":1}', "{"]) assertEquals(rejectionText(text), text);
});
