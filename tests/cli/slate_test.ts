/** What a thread calls of a user's machine, as another thread reads it. */
import { assertEquals } from "@std/assert";
import { type Act, ACTS, Slate } from "../../src/cli/simulation/slate.ts";
import { watchedMaker, watchedWorkload } from "../../src/cli/simulation/watched.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { keyValueWorkload } from "../../src/testing/plan/workload.ts";
import { Random } from "../../src/testing/random.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** What another thread reads during a call. */
function readDuring(operation: Uint8Array, client = "name:alice") {
  const slate = new Slate();
  return slate.during("execute", { operation, client, sequence: 7 }, () => new Slate(slate.memory).called);
}

Deno.test("a slate has the operation and its caller in words, shortened, also one that is cut in the midst of a character", () => {
  assertEquals(readDuring(encode("add 1")), { operation: "add 1", caller: "alice in batch 7" });
  assertEquals(readDuring(new Uint8Array()), { operation: "", caller: "alice in batch 7" });
  assertEquals(readDuring(new Uint8Array([0xff, 0x00]))?.operation, "ff00");
  for (const before of ["", "a", "ab", "abc"]) {
    const text = before + "é€😀".repeat(1_000);
    assertEquals(readDuring(encode(text))?.operation, `${text.slice(0, 300)}…`);
  }
  assertEquals(readDuring(encode("add 1"), "x".repeat(1_000))?.caller, `${"x".repeat(12)} in batch 7`);
});

Deno.test("a slate says what goes on, and nothing afterwards, also if it threw", () => {
  const slate = new Slate();
  const before = slate.doing;
  assertEquals([before.act, slate.called], [null, null]);
  const during = slate.during("restore", null, () => slate.doing);
  assertEquals([during.act, slate.doing.act, slate.called], ["restore", null, null]);
  assertEquals(new Set([before.beat, during.beat, slate.doing.beat]).size, 3);
  try {
    slate.during("query", null, () => {
      throw new Error("no");
    });
  } catch { /* as it should */ }
  assertEquals(slate.doing.act, null);
});

Deno.test("each call of a machine and of its workload is on the slate while it lasts", () => {
  const slate = new Slate();
  const seen = new Set<Act | null>();
  /** Notes what is on the slate whenever something is called. */
  const noting = <T extends object>(inner: T): T =>
    new Proxy(inner, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return typeof value === "object" && value ? noting(value) : value;
        return (...args: unknown[]) => {
          seen.add(slate.doing.act);
          return value.apply(target, args);
        };
      },
    });
  const machine = watchedMaker(() => {
    seen.add(slate.doing.act);
    return noting(new KeyValue());
  }, slate)();
  const workload = watchedWorkload(noting(keyValueWorkload()), slate);
  const context = { sequence: 1, timestamp: 1, client: "alice" } as Parameters<typeof machine.execute>[1];
  const operation = workload.operation(new Random(1), 1);
  machine.observeChanges!(null);
  machine.lazyLoading!.needs([operation]);
  machine.execute(operation, context);
  machine.query(workload.query!(new Random(1)));
  machine.restore([...machine.takeChanges()]);
  machine.freezeChanges!().next();
  assertEquals([...seen].sort(), Object.keys(ACTS).filter((act) => act !== "loading").sort() as Act[]);
});
