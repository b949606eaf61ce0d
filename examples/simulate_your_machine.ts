/**
 * Tries a service of one's own in the simulator: whole clusters in virtual time, with crashes, partitions and liars. This one has a bug
 * that no test on one machine shows: it remembers who came last in a variable, which is not in the state. A replica that restarts from
 * its state does not know it.
 *
 *     deno run examples/simulate_your_machine.ts
 */
import { collection, counter, defineMachine, type Machine, type StandardSchema } from "@pbft/edge/machine";
import { describeRun, simulate } from "@pbft/edge/testing";

/** A schema by a check of one's own. One of zod, valibot or arktype can stand in its place. */
function checked<T>(isValid: (value: unknown) => value is T): StandardSchema<T> {
  const version = 1; // of the Standard Schema interface
  const validate = (value: unknown) => isValid(value) ? { value } : { issues: [{ message: "not valid" }] };
  return { "~standard": { version, vendor: "simulate_your_machine", validate } };
}
const text = checked((value) => typeof value === "string");
const number = checked((value) => typeof value === "number");

/** A queue of names: `join` with one, `leave` with the first. */
function defineQueue(isFixed: boolean) {
  let last = "";
  return defineMachine({
    name: "queue",
    version: 1,
    state: { names: collection(text, { key: number }), next: counter() },
    operations: {
      join: {
        input: text,
        run({ names, next }, name) {
          const [, before] = names.range({ limit: 1, reverse: true })[0] ?? [];
          const after = isFixed ? before ?? null : last;
          names.set(next.next(), name);
          last = name;
          return { after };
        },
      },
      leave: {
        run({ names }) {
          const [first] = names.range({ limit: 1 });
          if (first) names.delete(first[0]);
          return first?.[1] ?? null;
        },
      },
    },
    queries: { size: { run: ({ names }) => names.range().length } },
  });
}

type Types = ReturnType<typeof defineQueue> extends Machine<infer Known> ? Known : never;

/** What clients call, drawn at random. */
function workload(queue: Machine<Types>) {
  return {
    operation: (random: { chance(probability: number): boolean }, id: number) =>
      random.chance(0.6) ? queue.encode("join", `name ${id}`) : queue.encode("leave"),
    query: () => queue.encode("size"),
  };
}

for (const isFixed of [false, true]) {
  const queue = defineQueue(isFixed);
  console.log(isFixed ? "The fixed queue:" : "The queue with the bug:");
  const options = { workload: workload(queue), seed: 1, runs: 4, profile: "crashes", replicas: 4 } as const;
  console.log(describeRun(await simulate({ stateMachine: queue, ...options })));
}
