/** What the verbs make of the words of a state machine. */
import { assertEquals, assertMatch } from "@std/assert";
import { keyText, watchedKey } from "../../src/cli/calls/key_text.ts";
import { rejectionHint, rejectionText } from "../../src/cli/calls/operation_text.ts";
import { callText, exampleOf } from "../../src/cli/machine/example.ts";
import type { Random } from "../../src/testing/random.ts";
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
  assertEquals(rejectionText('{"error":"unknown","detail":{"name":"sum"}}', "query"), "there is no such query: sum");
  const invalid = '{"error":"invalid","detail":{"at":".amount"}}';
  assertEquals(rejectionText(invalid), "its input is missing or not what the machine asks for at .amount");
  assertEquals(rejectionText(invalid.replace("amount", "")), "its input is missing or not what the machine asks for");
  for (const text of ["full", "null", '{"error":1}', "{"]) assertEquals(rejectionText(text), text);
});

Deno.test("after a rejection that is not the author's there is a next step", () => {
  for (const error of ["unknown", "invalid"]) {
    assertMatch(rejectionHint(`{"error":"${error}","detail":{}}`, "operation")!, /^pbft repl --machine FILE lists/);
    assertMatch(
      rejectionHint(`{"error":"${error}","detail":{}}`, "query")!,
      /^an operation is sent with pbft call; pbft/,
    );
  }
  for (const text of ["full", '{"error":"tooLittle"}']) assertEquals(rejectionHint(text, "operation"), undefined);
});

Deno.test("dev shows a call that can be made as it stands", () => {
  const workload = (text: string) => ({ operation: () => new TextEncoder().encode(text) });
  const operations = ["deposit", "withdraw", "open"];
  const shown = (text: string) => callText(exampleOf(workload(text), operations), operations);
  const deposit = '{"op":"deposit","input":{"account":"ada","amount":5}}';
  assertEquals(shown(deposit), `deposit '{"account":"ada","amount":5}'   (or withdraw, open)`);
  assertEquals(shown('{"op":"withdraw","input":"o\'clock"}'), `withdraw '"o'\\''clock"'   (or deposit, open)`);
  assertEquals(shown('{"op":"open"}'), "open   (or deposit, withdraw)");
  const open = `deposit '{"…": …}'   (or withdraw, open)`;
  const unfit = [
    '{"op":"steal","input":1}',
    "SET a b",
    "null",
    '{"op":"open","more":1}',
    `{"op":"open","input":"${"x".repeat(100)}"}`,
  ];
  for (const text of unfit) assertEquals(shown(text), open, text);
  const broken = {
    operation: () => {
      throw new Error("a bug");
    },
  };
  for (const none of [undefined, broken]) assertEquals(callText(exampleOf(none, operations), operations), open);
  const drawn = {
    operation: (random: Random) => new TextEncoder().encode(`{"op":"open","input":${random.int(0, 1e9)}}`),
  };
  assertEquals(exampleOf(drawn, operations), exampleOf(drawn, operations));
});
