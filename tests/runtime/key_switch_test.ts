/** The moment at which the next key of a member takes the place of the present one, and what may fail then. */
import { assertEquals } from "@std/assert";
import { firstEpoch } from "../../src/wire/epochs/mod.ts";
import { clusterId, generateKeyPair } from "../../src/crypto/mod.ts";
import type { MemberHost } from "../../src/runtime/host/member_host.ts";
import {
  type KeyReplica,
  KeyRotator,
  type NextKey,
  type RotationHost,
} from "../../src/runtime/identity/key_rotation.ts";
import { clusterFile, keyOf } from "../node/_epochs.ts";
import { ManualTimer } from "../node/_manual_timer.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

/** A replica that has the state of its epoch, unless it lacks it. */
class Host {
  closed = 0;
  lacksState = false;
  readonly member = {
    epoch: firstEpoch(clusterFile, clusterId(clusterFile.genesis)),
    linksAfter: () => [],
    follow: () => Promise.resolve(false),
    entered: () => this.lacksState ? null : { member: 3, signature: new Uint8Array(64) },
  };
  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

/** A process whose next key waits. `replaced`: what happens once requests go to the next replica. */
function process(timer: ManualTimer, onRotated: () => void, replaced: () => Promise<void> = () => Promise.resolve()) {
  const [former, next] = [new Host(), new Host()];
  let present: KeyReplica = { host: former as never, privateKey: keyOf("Dog").privateKey };
  const [told, replacements]: [string[], MemberHost[]] = [[], []];
  const reasons: string[] = [];
  const host: RotationHost = {
    timer,
    present: () => present,
    open: () => Promise.resolve(next as never),
    async replace(other) {
      replacements.push(other.host);
      present = other;
      await replaced();
    },
    tell(event) {
      told.push(event.kind);
      if (event.kind === "rotation-failed") reasons.push(event.reason);
    },
  };
  const key: NextKey = { privateKey: generateKeyPair().privateKey, store: new MemoryStore(), start: "recover" };
  const rotation = { everyMs: 86_400_000, since: timer.now(), next: key, prepare: () => key, onRotated };
  return { rotator: new KeyRotator(rotation, host), next, told, reasons, replacements };
}

Deno.test("a key that can't be put away is tried again, and the replica that serves stays", async () => {
  const timer = new ManualTimer();
  let tries = 0;
  const { rotator, next, told, replacements } = process(timer, () => {
    if (++tries === 1) throw new Error("the disk is full");
  });
  rotator.start();
  await timer.advance(1_000);
  assertEquals([tries, told, next.closed], [1, ["rotation-failed"], 0]);
  await timer.advance(120_000);
  assertEquals([tries, told, next.closed], [2, ["rotation-failed", "key-rotated"], 0]);
  assertEquals(replacements, [next as never]);
  await rotator.stop();
  assertEquals(next.closed, 0, "whoever serves is not closed with the schedule");
});

Deno.test("a former replica that can't be closed does not undo the switch", async () => {
  const timer = new ManualTimer();
  let rotated = 0;
  const failing = () => Promise.reject(new Error("its store is gone"));
  const { rotator, next, told, replacements } = process(timer, () => void rotated++, failing);
  rotator.start();
  await timer.advance(120_000);
  assertEquals([rotated, told, next.closed], [1, ["rotation-failed", "key-rotated"], 0]);
  assertEquals(replacements, [next as never]);
  await rotator.stop();
});

Deno.test("a next key that does not come into use within a minute is told of, and why", async () => {
  const timer = new ManualTimer();
  const { rotator, next, told, reasons } = process(timer, () => {});
  next.lacksState = true;
  rotator.start();
  await timer.advance(70_000);
  assertEquals(reasons, ["the next key is not in use yet: its epoch has not begun within 60 s"]);
  next.lacksState = false;
  await timer.advance(1_000);
  assertEquals(told, ["rotation-failed", "key-rotated"]);
  await rotator.stop();
});
