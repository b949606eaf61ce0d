/** examples/releases: nothing is rewritten, roots follow from one another, and receipts prove what they say and nothing else. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Entry, releases, workload } from "../../examples/releases/machine.ts";
import { NO_ENTRIES, rootAfter } from "../../examples/releases/root.ts";
import { digestOf, follow, followRegister, VerificationError, verifyRelease } from "../../examples/releases/verify.ts";
import { createClient, decodeReceipt, encodeReceipt, ProofError } from "../../src/client/mod.ts";
import { testMachine } from "../../src/machines/typed/mod.ts";
import { describeRun, simulate } from "../../src/testing/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { root } from "../tools/files.ts";
import { startReplicas } from "./_replicas.ts";

const digest = (text: string) => `sha256-${text.padStart(64, "0")}`;

Deno.test("a version is written once, by the key that owns the name, and each root follows from the one before", async () => {
  const test = testMachine(releases);
  const ada = test.as("ada").at(5);
  const first = ada.publish({ name: "left-pad", version: "1.0.0", digest: digest("1"), by: "Ada" });
  const { root, ...facts } = first;
  assertEquals(facts, {
    ...{ number: 1, name: "left-pad", version: "1.0.0", digest: digest("1") },
    ...{ publisher: "ada", by: "Ada", time: 5, sequence: 1 },
  });
  assertEquals(root, rootAfter(NO_ENTRIES, facts));
  assertEquals(test.as("ada").at(9).publish({ name: "left-pad", version: "1.0.0", digest: digest("1") }), first);
  assertEquals(ada.publish.try({ name: "left-pad", version: "1.0.0", digest: digest("2") }), {
    ok: false,
    error: "published",
    detail: { number: 1, digest: digest("1") },
  });
  const eve = test.as("eve");
  for (const version of ["1.0.0", "1.0.1"]) {
    assertEquals(eve.publish.try({ name: "left-pad", version, digest: digest("1") }), {
      ok: false,
      error: "notYours",
      detail: { owner: "ada" },
    });
  }
  const second = eve.publish({ name: "@eve/left-pad", version: "1.0.0", digest: digest("2") });
  assertEquals(test.head(), { count: 2, root: second.root });
  assertEquals(test.entries({ after: 0 }), [first, second]);
  assertEquals([test.find({ name: "left-pad", version: "1.0.0" }), test.find({ name: "x", version: "1" })], [
    first,
    null,
  ]);
  const register = {
    head: () => Promise.resolve(test.head()),
    entries: (input: { after: number }) => Promise.resolve(test.entries(input)),
  };
  assertEquals((await followRegister(register, { count: 1, root: first.root })).entries, [second]);
});

Deno.test("what clients send is checked", () => {
  const test = testMachine(releases);
  const right = { name: "a", version: "1", digest: digest("1") };
  for (
    const wrong of [
      { name: "" },
      { name: "A" },
      { name: "a b" },
      { name: "a".repeat(129) },
      { version: "" },
      { version: "../1" },
      { digest: "1" },
      { digest: digest("1").toUpperCase() },
      { by: "x".repeat(129) },
    ]
  ) {
    assertEquals(test.publish.try({ ...right, ...wrong }), {
      ok: false,
      error: "invalid",
      detail: { at: `.${Object.keys(wrong)[0]}` },
    });
  }
});

Deno.test("a register that was rewritten, cut or reordered is found out by who has seen it", async () => {
  const test = testMachine(releases);
  for (let i = 1; i <= 150; i++) test.at(i).publish({ name: "a", version: `${i}`, digest: digest(`${i}`) });
  const all: Entry[] = [...test.entries({ after: 0 }), ...test.entries({ after: 100 })];
  const start = { count: 0, root: NO_ENTRIES };
  const seen = follow(start, all.slice(0, 120));
  assertEquals(follow(seen, all.slice(120)), test.head());
  for (const field of ["digest", "publisher", "by", "version", "time"] as const) {
    const forged = all.map((entry, i) => i === 3 ? { ...entry, [field]: field === "time" ? 7 : "x" } : entry);
    assertThrows(() => follow(start, forged), VerificationError, "entry 4: expected the root");
  }
  assertThrows(() => follow(start, all.toSpliced(3, 1)), VerificationError, "expected entry 4, got 5");
  // Another history from entry 100 on, consistent within itself.
  let head = follow(start, all.slice(0, 99));
  const other = all.slice(99).map((entry) => {
    const facts = { ...entry, digest: digest("0") };
    head = { count: entry.number, root: rootAfter(head.root, facts) };
    return { ...facts, root: head.root };
  });
  const rewritten = {
    head: () => Promise.resolve(head),
    entries: ({ after }: { after: number }) =>
      Promise.resolve([...all.slice(0, 99), ...other].slice(after, after + 100)),
  };
  assertEquals((await followRegister(rewritten, start)).head, head);
  await assertRejects(() => followRegister(rewritten, seen), VerificationError, "entry 121: expected the root");
  const cut = { ...rewritten, head: () => Promise.resolve({ count: 119, root: all[118]!.root }) };
  await assertRejects(
    () => followRegister(cut, seen),
    VerificationError,
    "120 entries have been seen, and now there are 119",
  );
});

Deno.test("under faults of every kind the register is the same everywhere", async () => {
  const report = await simulate({ stateMachine: releases, workload, seed: 1, runs: 2, replicas: 4 });
  assertEquals(report.violation, null, describeRun(report));
});

Deno.test("the programs publish and check a file, and a receipt proves nothing else", () =>
  inFolder(async (folder) => {
    await using replicas = await startReplicas(releases);
    const { cluster } = replicas;
    const path = (name: string) => `${folder}/${name}`;
    await Deno.writeTextFile(path("cluster.json"), JSON.stringify(cluster));
    await Deno.writeTextFile(path("left-pad.tgz"), "content");
    const run = async (program: string, ...args: string[]) => {
      const files = ["--cluster", path("cluster.json"), ...program === "publish" ? ["--key", path("key")] : []];
      const command = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--quiet",
          "--no-lock",
          `examples/releases/${program}.ts`,
          path("left-pad.tgz"),
          ...args,
          ...files,
        ],
        cwd: root,
        stdin: "null",
      });
      const { code, stdout, stderr } = await command.output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const publish = () => run("publish", "--name", "left-pad", "--version", "1.0.0", "--by", "Ada");
    const first = await publish();
    assertEquals([first.code, /left-pad 1\.0\.0 is entry 1, signed by \w+ and \w+\nsha256-/.test(first.text)], [
      0,
      true,
    ], first.text);
    const checked = await run("check");
    assertEquals([checked.code, /is what was published\n$/.test(checked.text)], [0, true], checked.text);
    await Deno.writeTextFile(path("left-pad.tgz"), "other content");
    assertEquals((await run("check")).code, 1);
    const again = await publish();
    assertEquals(
      [again.code, /^not published: left-pad 1\.0\.0 is there already, with another content/.test(again.text)],
      [1, true],
      again.text,
    );

    const receipt = decodeReceipt(await Deno.readFile(path("left-pad.tgz.receipt")));
    assertEquals(
      (await verifyRelease(cluster, receipt)).entry.digest,
      await digestOf(new TextEncoder().encode("content")),
    );
    const [one] = receipt.replies;
    await assertRejects(() => verifyRelease(cluster, { ...receipt, replies: [one!, one!] }), ProofError);
    const client = createClient(releases, { cluster });
    const receiptOf = async (operation: Uint8Array) => (await client.client.submit(operation)).receipt;
    const found = await receiptOf(releases.encode("find", { name: "left-pad", version: "1.0.0" }));
    assert((await verifyRelease(cluster, decodeReceipt(encodeReceipt(found)))).signers.length >= 2);
    for (const other of [releases.encode("head"), releases.encode("find", { name: "none", version: "1" })]) {
      const receipt = await receiptOf(other);
      await assertRejects(() => verifyRelease(cluster, receipt), VerificationError, "not one of a release");
    }
    client.close();
  }));
