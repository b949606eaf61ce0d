/**
 * What the key-value machine costs: an operation with its parsing and its result, and a checkpoint after 100 writes
 * in states of three sizes. `deno bench -A tests/machines`
 */
import { KeyValue } from "../../src/machines/key_value.ts";
import { encodeOperation } from "../../src/machines/key_value_operation.ts";

const SIZES = [10, 10_000, 1_000_000];
const encoder = new TextEncoder();

function filled(size: number): KeyValue {
  const machine = new KeyValue();
  for (let index = 0; index < size; index++) machine.execute(encoder.encode(`SET user:${index} value ${index}`));
  return machine;
}

for (const size of SIZES) {
  const group = `${size} keys`;
  const machine = filled(size);
  const started = performance.now();
  const chunks = [...machine.takeChanges()];
  console.log(`${group}: all ${chunks.length} chunks in ${(performance.now() - started).toFixed(1)} ms`);
  const again = performance.now();
  new KeyValue().restore(chunks);
  console.log(`${group}: restored in ${(performance.now() - again).toFixed(1)} ms`);

  let turn = 0;
  const key = () => `user:${(turn = (turn + 7919) % size)}`;
  const batch = (make: () => Uint8Array) => Array.from({ length: 1000 }, make);
  // Names are of 1,000 operations each: read them as microseconds per operation where they say ms.
  const kinds: Record<string, Uint8Array[]> = {
    "1000 x SET, text": batch(() => encoder.encode(`SET ${key()} ${"x".repeat(80)}`)),
    "1000 x SET, JSON": batch(() => encodeOperation({ op: "set", key: key(), value: "y".repeat(80) })),
    "1000 x GET, text": batch(() => encoder.encode(`GET ${key()}`)),
    "1000 x GET, JSON": batch(() => encodeOperation({ op: "get", key: key() })),
    "1000 x INCR, text": batch(() => encoder.encode(`INCR visits:${turn++ % size}`)),
    "1000 x INCR, JSON": batch(() => encodeOperation({ op: "incr", key: `visits:${turn++ % size}` })),
    "1000 x SET and DEL of a new key": batch(() =>
      encoder.encode(`${turn++ % 2 ? "SET" : "DEL"} fresh ${turn % 2 ? "" : "x"}`)
    ),
  };
  for (const [name, operations] of Object.entries(kinds)) {
    Deno.bench(name, { group }, () => {
      for (const operation of operations) machine.execute(operation);
    });
  }
  let round = 0;
  Deno.bench("takeChanges after 100 writes", { group, n: 30 }, (b) => {
    round++;
    for (let index = 0; index < 100; index++) machine.execute(encoder.encode(`SET ${key()} round ${round}`));
    b.start();
    machine.takeChanges();
    b.end();
  });
  Deno.bench("KEYS of 100 among them", { group }, () => {
    machine.query(encoder.encode("KEYS user:77"));
  });
}
