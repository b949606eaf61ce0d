import { assert, assertEquals } from "@std/assert";
import { type Agreed, Tally } from "../../src/client/watch/tally.ts";
import { type ReplicaId, replicaId } from "../../src/core/messages/ids.ts";

type Content = readonly (readonly [string, string | null])[];

/** A statement of a replica: of the numbers `from` to `through` these have changes. */
function say(
  tally: Tally,
  replica: number,
  from: number,
  through: number,
  batches: Record<number, Content> = {},
): boolean {
  const statement = {
    watch: { prefix: "" },
    from,
    through,
    batches: Object.entries(batches).map(([n, content]) => [Number(n), content] as const),
  };
  const vote = { replica: replicaId(replica), statement: JSON.stringify(statement), signature: "" };
  return tally.take(vote, statement);
}

function all(tally: Tally, now = 0): string[] {
  const texts: string[] = [];
  for (let agreed: Agreed | null; (agreed = tally.advance(now));) {
    texts.push(
      agreed.kind === "missed"
        ? `missed ${agreed.from}-${agreed.through}`
        : `${agreed.sequence} ${JSON.stringify(agreed.content)} by ${
          agreed.votes.map(({ replica }) => replica as ReplicaId)
        }`,
    );
  }
  return texts;
}

const four = (from: number | null) => new Tally({ n: 4, from });
const change = (value: string): Content => [["a", value]];

Deno.test("what one replica says alone is no change, and a liar invents none and hides none", () => {
  const tally = four(1);
  say(tally, 3, 1, 3, { 1: change("lie"), 2: change("lie") });
  assertEquals(all(tally), []);
  say(tally, 0, 1, 3, { 2: change("x") });
  assertEquals(all(tally), []);
  say(tally, 1, 1, 2, { 2: change("x") });
  assertEquals(all(tally), ['2 [["a","x"]] by 0,1']);
  assertEquals(tally.next, 4, "of 3 the liar said what a correct replica said");
});

Deno.test("when streams begin anew the numbers continue without a repeat, and each replica is asked for what it has not said yet", () => {
  const tally = four(5);
  for (const replica of [0, 1]) say(tally, replica, 5, 6, { 5: change("5"), 6: change("6") });
  assertEquals(all(tally).length, 2);
  say(tally, 0, 7, 7, { 7: change("7") });
  assertEquals([0, 1, 2].map((replica) => tally.wantedOf(replicaId(replica))), [8, 7, 7]);
  assertEquals(
    say(tally, 0, 7, 8, { 7: change("other"), 8: change("8") }),
    false,
    "a correct replica says nothing again",
  );
  say(tally, 0, 8, 8, { 8: change("8") });
  say(tally, 1, 7, 6);
  say(tally, 1, 7, 8, { 7: change("7"), 8: change("8") });
  assertEquals(all(tally).map((text) => text.slice(0, 1)), ["7", "8"]);
});

Deno.test("what a replica has said counts on, although it begins later after a restart", () => {
  const tally = four(1);
  say(tally, 0, 1, 4, { 2: change("2"), 4: change("4") });
  say(tally, 0, 9, 8);
  say(tally, 0, 9, 9, { 9: change("9") });
  say(tally, 1, 1, 9, { 2: change("2"), 4: change("4"), 9: change("9") });
  assertEquals(all(tally).map((text) => text.slice(0, 1)), ["2", "4"]);
  assertEquals(tally.next, 5);
  say(tally, 2, 5, 9, { 9: change("9") });
  assertEquals(all(tally).map((text) => text.slice(0, 1)), ["9"]);
});

Deno.test("a watch of the present begins where one of a quorum is, once f + 1 have come there", () => {
  const tally = four(null);
  say(tally, 3, 1, 0); // It lags, or lies.
  say(tally, 0, 10, 9);
  assertEquals([all(tally), tally.next], [[], null], "two are no quorum");
  say(tally, 1, 12, 11);
  assertEquals([all(tally), tally.next], [[], null], "one alone says that 11 exists");
  say(tally, 0, 10, 11, { 11: change("old") });
  assertEquals([all(tally), tally.next], [[], 12]);
  say(tally, 0, 12, 12, { 12: change("x") });
  say(tally, 1, 12, 12, { 12: change("x") });
  assertEquals(all(tally), ['12 [["a","x"]] by 0,1']);
});

Deno.test("replicas that lag show no change whose result a client has: one of each quorum knows of it", () => {
  // A client has the result of 11: replica 1 has executed it, and a quorum has prepared it.
  const tally = four(null);
  for (const [replica, start] of [[0, 10], [2, 10], [1, 12]] as const) say(tally, replica, start, start - 1);
  assertEquals(all(tally), []);
  for (const replica of [0, 2]) say(tally, replica, 10, 12, { 11: change("old"), 12: change("x") });
  assertEquals(all(tally), ['12 [["a","x"]] by 0,2']);
});

Deno.test("a liar that says it is far ahead delays the beginning by a second, and can't make a watch skip anything", () => {
  const present = four(null);
  say(present, 3, 1e12, 1e12 - 1);
  for (const replica of [0, 1]) say(present, replica, 10, 10, { 10: change("x") });
  assertEquals(all(present, 5_000), []);
  assertEquals(present.isStuck, true);
  assertEquals(all(present, 6_000), ['10 [["a","x"]] by 0,1']);
  assertEquals(present.isStuck, false);
  const resumed = four(1);
  say(resumed, 3, 1e12, 1e12 - 1);
  say(resumed, 0, 10, 10, { 10: change("x") });
  assertEquals(all(resumed), [], "two more might know 1 to 9");
  say(resumed, 1, 10, 10, { 10: change("x") });
  assertEquals(all(resumed), ["missed 1-9", '10 [["a","x"]] by 0,1']);
});

Deno.test("after a long silence a liar that speaks first makes no gap", () => {
  const tally = four(1);
  for (const replica of [0, 1, 2, 3]) say(tally, replica, 1, 1);
  assertEquals(all(tally), []);
  say(tally, 3, 2, 2, { 2: change("lie") });
  say(tally, 0, 2, 2, { 2: change("x") });
  assertEquals(all(tally, 1e9), []);
  say(tally, 1, 2, 2, { 2: change("x") });
  assertEquals(all(tally, 1e9 + 29_000), ['2 [["a","x"]] by 0,1']);
});

Deno.test("a liar that repeats, turns back and skips changes nothing of what the others say", () => {
  const tally = four(1);
  for (let i = 1; i <= 20; i++) {
    say(tally, 3, i % 3 === 0 ? 1 : i + 5, i + 7, { [i + 6]: change("lie") });
    for (const replica of [0, 1]) say(tally, replica, i, i, { [i]: change(String(i)) });
    assertEquals(all(tally), [`${i} [["a","${i}"]] by 0,1`]);
  }
});

Deno.test("numbers are missed only once f + 1 are beyond them and no f + 1 can agree", () => {
  const tally = four(1);
  say(tally, 0, 50, 49);
  assertEquals(all(tally), []);
  say(tally, 1, 60, 59);
  assertEquals(all(tally), [], "the others may still have them");
  say(tally, 2, 1, 55, { 3: change("x") });
  assertEquals(all(tally), [], "one more may have them");
  say(tally, 3, 70, 69);
  assertEquals(all(tally), ["missed 1-59"]);
  const idle = four(5);
  for (const replica of [0, 1, 2, 3]) say(idle, replica, 5, 4);
  assertEquals(all(idle, 1e9), [], "numbers that nobody has executed are not missed");
});

Deno.test("who waits in vain for silent replicas goes on after 30 s, and says what it missed", () => {
  const tally = four(1);
  say(tally, 0, 50, 60);
  say(tally, 1, 1, 60, { 3: change("x") });
  assertEquals(all(tally, 1_000), []);
  assertEquals(all(tally, 30_999), []);
  assertEquals(all(tally, 31_000)[0], "missed 1-49");
});

Deno.test("a replica that runs ahead alone is not read on", () => {
  const tally = four(1);
  for (let i = 0; i < 5_000 && !tally.isAhead(replicaId(0)); i++) say(tally, 0, i + 1, i + 1, { [i + 1]: change("x") });
  assert(tally.isAhead(replicaId(0)));
  assertEquals(tally.isAhead(replicaId(1)), false);
});

Deno.test("before a watch has begun, replicas are read on, and little of what they say is kept", () => {
  const tally = four(null);
  for (let i = 1; i <= 10_000; i++) {
    for (const replica of [0, 1]) say(tally, replica, i, i, { [i]: change("x") });
    if (tally.isAhead(replicaId(0))) throw new Error("it waits");
  }
  assertEquals(all(tally), []);
  say(tally, 2, 9_999, 9_998);
  assertEquals(all(tally).map((text) => text.slice(0, 5)), ["9999 ", "10000"]);
});
