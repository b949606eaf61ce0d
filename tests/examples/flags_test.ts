/** examples/flags: who may change flags, whom a flag takes, and clients that follow the changes. */
import { assert, assertEquals } from "@std/assert";
import { evaluate, percentOf } from "../../examples/flags/evaluate.ts";
import { FlagClient } from "../../examples/flags/flag_client.ts";
import { flags, PAGE, workload } from "../../examples/flags/machine.ts";
import { createClient } from "../../src/client/mod.ts";
import { testMachine } from "../../src/machines/typed/mod.ts";
import { describeRun, simulate } from "../../src/testing/mod.ts";
import { startReplicas } from "./_replicas.ts";

const [ada, bob] = ["a".repeat(64), "b".repeat(64)] as const;
const on = { isOn: true, rules: [{ audience: {}, percent: 100, value: true }], otherwise: false };

Deno.test("the first one who sets a flag is an editor, others are when they are allowed", () => {
  const test = testMachine(flags);
  const no = { ok: false, error: "notEditor", detail: undefined } as const;
  assertEquals(test.as(ada).at(5).set({ name: "a", setting: on }), { ...on, revision: 1, editor: ada, time: 5 });
  assertEquals(test.as(bob).set.try({ name: "a", setting: on }), no);
  assertEquals(test.as(bob).remove.try("a"), no);
  assertEquals(test.as(bob).allow.try({ editor: bob, isAllowed: true }), no);
  test.as(ada).allow({ editor: bob, isAllowed: true });
  assertEquals(test.editors(), [ada, bob]);
  assertEquals(test.as(bob).set({ name: "b", setting: on }).revision, 2);
  test.as(bob).allow({ editor: ada, isAllowed: false });
  assertEquals(test.as(bob).allow.try({ editor: bob, isAllowed: false }), {
    ok: false,
    error: "lastEditor",
    detail: undefined,
  });
  assertEquals(test.as(ada).set.try({ name: "a", setting: on }), no);
});

Deno.test("an editor who names a revision overwrites no change of another", () => {
  const test = testMachine(flags).as(ada);
  const set = (revision: number) => test.set.try({ name: "a", setting: on, revision });
  assertEquals([set(0).ok, set(1).ok, set(2).ok], [true, true, true]);
  assertEquals(set(1), { ok: false, error: "changed", detail: { revision: 3 } });
  assertEquals([test.remove("a"), test.remove("a"), test.revision()], [true, false, 4]);
  assertEquals(set(3), { ok: false, error: "changed", detail: { revision: 0 } });
  assertEquals(test.all({}), []);
});

Deno.test("a share of the users is the right share, keeps who is in it, and is another one for each flag", () => {
  const users = Array.from({ length: 10_000 }, (_, i) => `user-${i}`);
  const share = (name: string, percent: number) => users.filter((id) => percentOf(name, id) < percent);
  for (const percent of [1, 25, 50, 90]) {
    const found = share("checkout", percent).length / 100;
    assert(Math.abs(found - percent) < 1.5, `${percent} %: ${found} %`);
  }
  const quarter = new Set(share("checkout", 25));
  const more = new Set(share("checkout", 30));
  assert([...quarter].every((id) => more.has(id)));
  const both = share("search", 25).filter((id) => quarter.has(id)).length;
  assert(both > 500 && both < 750, `${both} of 10,000 in both quarters`);
  // The same in every release: else users would lose what they have got.
  assertEquals([percentOf("checkout", "ada"), percentOf("checkout", "😀")], [81.85, 38.42]);
  assertEquals([share("checkout", 0).length, share("checkout", 100).length], [0, 10_000]);
});

Deno.test("the first rule that takes a subject counts, and an audience needs all of its attributes", () => {
  const flag: Parameters<typeof evaluate>[1] = {
    isOn: true,
    rules: [
      { audience: { country: ["de", "at"], plan: ["pro"] }, percent: 100, value: "new" },
      { audience: { country: ["de"] }, percent: 100, value: "beta" },
    ],
    otherwise: "old",
  };
  const value = (attributes: Record<string, string>, isOn = true) =>
    evaluate("a", { ...flag, isOn }, { id: "x", attributes });
  assertEquals(value({ country: "at", plan: "pro" }), { value: "new", rule: 1 });
  assertEquals(value({ country: "de" }), { value: "beta", rule: 2 });
  assertEquals(value({ country: "at" }), { value: "old", rule: null });
  assertEquals(value({ country: "de" }, false), { value: "old", rule: null });
  const strange = { ...flag, rules: [{ audience: { constructor: ["x"] }, percent: 100, value: true }] };
  assertEquals(evaluate("a", strange, { id: "x" }), { value: "old", rule: null });
});

Deno.test("under faults of every kind the flags are the same everywhere", async () => {
  const report = await simulate({ stateMachine: flags, workload, seed: 1, runs: 2, replicas: 4 });
  assertEquals(report.violation, null, describeRun(report));
});

Deno.test("a client has all flags, more than one answer holds, and follows their changes, also without one replica", async () => {
  await using replicas = await startReplicas(flags);
  const { cluster } = replicas;
  const editor = createClient(flags, { cluster });
  const names = Array.from({ length: PAGE + 5 }, (_, i) => `flag-${String(i).padStart(3, "0")}`);
  await Promise.all(names.map((name) => editor.set({ name, setting: on })));
  const client = await FlagClient.start({ cluster });
  try {
    assertEquals(client.names, names);
    assertEquals([client.value("flag-000", { id: "x" }), client.value("none", { id: "x" }, "other")], [true, "other"]);
    const until = (isSo: () => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => isSo() && resolve();
        client.onChange = look;
        look();
      });
    await editor.set({ name: "flag-000", setting: { ...on, isOn: false } });
    await until(() => client.value("flag-000", { id: "x" }) === false);
    await replicas.stop(0);
    await editor.remove("flag-001");
    await until(() => !client.names.includes("flag-001"));
    assertEquals(client.names.length, PAGE + 4);
  } finally {
    client.close();
    editor.close();
  }
});
