/** A migration that is tried before a member signs for it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { dryRun, dryRunText } from "../../src/cli/members/dry_run.ts";
import type { Migrate } from "../../src/core/epochs/migrate.ts";
import { MachineVersions } from "../../src/core/epochs/versions.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import type { Digest, SequenceNumber } from "../../src/core/messages/ids.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { openReplica } from "../../src/runtime/deno.ts";
import { clusterOfOne } from "../tools/cluster_of_one.ts";
import { KeyValue2 } from "../tools/key_value2.ts";

/** The versions, with this migration. */
const versionsWith = (migrate: Migrate) =>
  MachineVersions.of({
    "key-value/1": () => new KeyValue(),
    "key-value/2": { create: () => new KeyValue2(), migrate: { "key-value/1": migrate } },
  });

/** A store after so many operations, with a checkpoint if it is not told less; its genesis, and the number of that checkpoint. */
async function stored(operations?: number) {
  const [options, store] = [clusterOfOne(), new MemoryStore()];
  const { genesis } = options.cluster;
  const { node, close } = await openReplica({ ...options, store });
  for (let timestamp = 1; timestamp <= (operations ?? genesis.checkpointInterval); timestamp++) {
    await node.vouch([{ name: "a", timestamp, operation: utf8(`SET k${timestamp} ${timestamp}`) }]);
  }
  await close();
  return { store: store.reopen(), genesis, sequence: genesis.checkpointInterval };
}

const to = "key-value/2";

Deno.test("a migration that works says what it did, and changes nothing", async () => {
  const { store, genesis, sequence } = await stored();
  const before = await store.version();
  let seen: readonly number[] = [];
  const versions = versionsWith((chunks, context) => {
    seen = [context.sequence, context.timestamp];
    return chunks;
  });
  const tried = await dryRun(store, { present: { genesis, start: null }, versions, to });
  assertEquals([tried.sequence, tried.from, tried.chunks.before], [sequence, "key-value/1", tried.chunks.after]);
  assert(tried.bytes.before > 0 && seen[0] === sequence && seen[1]! > 0);
  assert(dryRunText(tried)[0]!.includes(`tried on the state at ${sequence}, works`));
  assertEquals(await store.version(), before);
});

let calls = 0;
for (
  const [what, migrate, why] of [
    ["throws", () => {
      throw new Error("no such account");
    }, "no such account"],
    ["gives what the new version can't restore", () => [["x", new Uint8Array([1, 2, 3])]], "fails on the state at"],
    ["gives something else each time", (chunks) => {
      const [[id, chunk]] = [...chunks] as [[string, Uint8Array]];
      const machine = new KeyValue();
      machine.restore(new Map([[id, chunk]]));
      machine.execute(utf8(`SET n ${calls++}`));
      return machine.takeChanges();
    }, "another state the second time"],
  ] as const satisfies readonly (readonly [string, Migrate, string])[]
) {
  Deno.test(`a dry run refuses a migration that ${what}, and says that nothing was signed`, async () => {
    const { store, genesis } = await stored();
    const error = await assertRejects(
      () => dryRun(store, { present: { genesis, start: null }, versions: versionsWith(migrate), to }),
      CliError,
      why,
    );
    assert(error.lines.next?.startsWith("nothing was signed"), error.lines.next);
  });
}

Deno.test("a missing version, a missing migration, and a state without a checkpoint are said", async () => {
  const { store, genesis } = await stored();
  const only = MachineVersions.of(() => new KeyValue());
  await assertRejects(
    () => dryRun(store, { present: { genesis, start: null }, versions: only, to }),
    CliError,
    "expected version key-value/2",
  );
  const versions = versionsWith((chunks) => chunks);
  const other = { ...genesis, stateMachine: "bank/1" };
  await assertRejects(
    () => dryRun(store, { present: { genesis: other, start: null }, versions, to }),
    CliError,
    "made of bank/1",
  );
  await assertRejects(
    () => dryRun(new MemoryStore(), { present: { genesis, start: null }, versions, to }),
    CliError,
    "a state with a checkpoint",
  );
});

Deno.test("before the first checkpoint the migration is tried on the initial state; if the epoch starts with a state, a store without a checkpoint is refused", async () => {
  const { store, genesis } = await stored(3);
  const seen: (readonly [number, number])[] = [];
  const versions = versionsWith((chunks, { sequence }) => {
    seen.push([sequence, chunks.size]);
    return chunks;
  });
  const { sequence, chunks } = await dryRun(store, { present: { genesis, start: null }, versions, to });
  const first = [...new KeyValue().takeChanges()].length;
  assertEquals([sequence, chunks.before, chunks.after], [0, first, first]);
  assertEquals(seen, [[0, first], [0, first]]);
  const start = { sequence: 64 as SequenceNumber, root: "00" as Digest };
  await assertRejects(
    () => dryRun(store, { present: { genesis, start }, versions, to }),
    CliError,
    "with a checkpoint",
  );
});
