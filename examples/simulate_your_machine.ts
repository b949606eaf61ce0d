/**
 * Tries a service of one's own in the simulator: whole clusters in virtual time, with crashes, partitions and liars. This one has a bug
 * that no test on one machine shows: it answers with the first of a set, and what is first depends on how the set came about.
 * A replica that restarts from its chunks has them in another order than one that ran all along.
 *
 *     deno run examples/simulate_your_machine.ts
 */
import { snapshotMachine, type StateMachine } from "@pbft/edge";
import { simulate, type SimulateOptions } from "@pbft/edge/testing";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

/** A queue of names: `join` one, `leave` with the first. `isFixed`: the first in the alphabet; else the first of a Set. */
function createQueue(isFixed: boolean): StateMachine {
  let names = new Set<string>();
  const first = () => (isFixed ? [...names].sort() : [...names])[0] ?? null;
  return snapshotMachine({
    version: "queue/1",
    execute(bytes) {
      const operation: { join: string } | { leave: true } = decode(bytes);
      if ("join" in operation) {
        names.add(operation.join);
        return encode(names.size);
      }
      const name = first();
      if (name !== null) names.delete(name);
      return encode(name);
    },
    query: () => encode(first()),
    // Equal states give equal bytes, as they must; but what is restored from them is in another order.
    snapshot: () => encode([...names].sort()),
    restore: (bytes) => void (names = new Set(decode(bytes))),
  });
}

const workload: SimulateOptions["workload"] = {
  operation: (random, id) =>
    encode(random.chance(0.6) ? { join: `name ${random.int(0, 999)}/${id}` } : { leave: true }),
};

for (const isFixed of [false, true]) {
  const { violation, plan, operations } = await simulate({
    stateMachine: () => createQueue(isFixed),
    workload,
    seed: 1,
    runs: 4,
    profile: "crashes",
    replicas: 4,
  });
  console.log(isFixed ? "The fixed queue:" : "The queue with the bug:");
  if (violation) console.log(`  ${violation.invariant} (seed ${plan.seed}): ${violation.detail}`);
  else console.log(`  nothing is wrong; in the last run ${operations} operations were answered`);
}
