import { assert, assertEquals } from "@std/assert";
import { replicaId, sequenceNumber } from "../../src/core/messages/ids.ts";
import type { Result } from "../../src/core/messages/messages.ts";
import { equalResults, Tally } from "../../src/core/messages/tally.ts";

interface Answer {
  readonly by: number;
  readonly word: string;
}

function tallyOf(...answers: readonly Answer[]) {
  const tally = new Tally<Answer>((one, other) => one.word === other.word);
  const agreeing = answers.map((answer) => tally.add(replicaId(answer.by), answer).map(({ by }) => by));
  return { tally, agreeing };
}

Deno.test("an answer is counted with the equal answers of other replicas", () => {
  const { tally, agreeing } = tallyOf(
    { by: 0, word: "a" },
    { by: 1, word: "b" },
    { by: 2, word: "a" },
    { by: 3, word: "a" },
  );
  assertEquals(agreeing, [[0], [1], [0, 2], [0, 2, 3]]);
  assertEquals(tally.largest, 3);
  assertEquals(tally.against({ by: 0, word: "a" }), [replicaId(1)]);
});

Deno.test("one replica is counted once, and by its latest answer", () => {
  const { tally, agreeing } = tallyOf(
    { by: 0, word: "a" },
    { by: 0, word: "a" },
    { by: 0, word: "b" },
    { by: 1, word: "a" },
    { by: 2, word: "b" },
  );
  assertEquals(agreeing, [[0], [0], [0], [1], [0, 2]]);
  assertEquals(tally.answers.length, 3);
});

Deno.test("without answers nothing agrees", () => {
  const { tally } = tallyOf();
  assertEquals(tally.largest, 0);
  assertEquals(tally.answers, []);
});

Deno.test("results are equal only if every field is", () => {
  const result: Result = { sequence: sequenceNumber(7), status: "ok", value: new Uint8Array([1, 2]) };
  assert(equalResults([result, result], [{ ...result }, { ...result, value: new Uint8Array([1, 2]) }]));
  const others: readonly (readonly Result[])[] = [
    [],
    [result, result],
    [{ ...result, sequence: sequenceNumber(8) }],
    [{ ...result, status: "rejected" }],
    [{ ...result, value: new Uint8Array([1, 3]) }],
    [{ ...result, value: new Uint8Array([1]) }],
  ];
  for (const other of others) {
    assert(!equalResults([result], other));
    assert(!equalResults(other, [result]));
  }
});
