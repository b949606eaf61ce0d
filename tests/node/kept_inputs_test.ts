/** Which votes a host keeps that may stop the replica between any two messages. */
import { assertEquals } from "@std/assert";
import type { Genesis } from "../../src/core/config.ts";
import { digest, type ReplicaId, type SequenceNumber, type View } from "../../src/core/messages/ids.ts";
import type { Input, Ready } from "../../src/core/io.ts";
import type { Record as CoreRecord, StoredState } from "../../src/core/records.ts";
import { KeptInputs } from "../../src/node/durable/kept_inputs.ts";
import { setBack, timersOf } from "../../src/node/storage/timers_record.ts";
import { WriteSet } from "../../src/node/storage/record_writer.ts";

const GENESIS = { replicas: [0, 1, 2, 3], checkpointInterval: 4, logWindow: 8 } as unknown as Genesis;
const A = digest("a".repeat(64));

function vote(kind: "prepare" | "commit", replica: number, view: number, sequence = 5): Input {
  const message = { kind, replica: replica as ReplicaId, view: view as View, sequence, digest: A };
  const signed = { message, bytes: new Uint8Array(10), signature: new Uint8Array(64) };
  return { kind, [kind]: signed } as unknown as Input;
}

function ready(...records: unknown[]): Ready {
  return { records, replies: [], messages: [], answers: [], events: [], admission: "taken" } as unknown as Ready;
}

function prepared(view: number, sequence = 5): CoreRecord {
  return { kind: "prepared", prePrepare: { message: { view, sequence, digest: A } } } as unknown as CoreRecord;
}

const COMMITTED = { kind: "committed", sequence: 5 as SequenceNumber } as unknown as CoreRecord;

/** The written names, short; those that are removed with a minus. */
function names({ records }: WriteSet): string[] {
  return Array.from(records, ([key, value]) => (value ? "" : "-") + key.replace("input/", "").replace(/0{15}/, ""));
}

Deno.test("prepares that come with the one that completes the certificate are not written", () => {
  const kept = new KeptInputs(GENESIS, [], {});
  const writes = new WriteSet();
  kept.note(vote("prepare", 1, 0), ready(), writes);
  assertEquals(names(writes), ["prepare/5/1"]);
  kept.note(vote("prepare", 2, 0), ready(prepared(0)), writes);
  assertEquals([names(writes), writes.count], [[], 0]);
  // The certificate has what it needs.
  kept.note(vote("prepare", 3, 0), ready(), writes);
  assertEquals([names(writes), writes.count], [[], 0]);
});

Deno.test("prepares of a number whose certificate another instance has stored are not written", () => {
  const stored = [prepared(0)] as unknown as StoredState["prepared"];
  const kept = new KeptInputs(GENESIS, [], { prepared: stored });
  const writes = new WriteSet();
  kept.note(vote("prepare", 1, 0), ready(), writes);
  assertEquals([names(writes), writes.count], [[], 0]);
  // That of a later view may count there.
  kept.note(vote("prepare", 1, 1), ready(), writes);
  assertEquals(names(writes), ["prepare/5/1"]);
});

Deno.test("a prepare that was written is removed when the certificate contains it", () => {
  const kept = new KeptInputs(GENESIS, [], {});
  kept.note(vote("prepare", 1, 0), ready(), new WriteSet());
  const writes = new WriteSet();
  kept.note(vote("prepare", 2, 0), ready(prepared(0)), writes);
  assertEquals(names(writes), ["-prepare/5/1"]);
});

Deno.test("a prepare of a later view stays, and so does one whose view is not known any more", () => {
  const kept = new KeptInputs(GENESIS, ["input/prepare/0000000000000005/3"], {});
  const writes = new WriteSet();
  kept.note(vote("prepare", 1, 1), ready(), writes);
  kept.note(vote("prepare", 2, 0), ready(prepared(0)), writes);
  assertEquals(names(writes), ["prepare/5/1"]);
  // Prepared in view 0, and voted for in view 1.
  kept.note(vote("prepare", 2, 1), ready(), writes);
  assertEquals(names(writes), ["prepare/5/1", "prepare/5/2"]);
});

Deno.test("commits are written while their number waits for a quorum, and not besides the decision", () => {
  const kept = new KeptInputs(GENESIS, ["input/commit/0000000000000005/0"], {});
  const writes = new WriteSet();
  kept.note(vote("commit", 1, 0), ready(prepared(0)), writes);
  kept.note(vote("commit", 1, 0, 6), ready(), writes);
  assertEquals(names(writes), ["commit/5/1", "commit/6/1"]);
  kept.note(vote("commit", 2, 0), ready(COMMITTED), writes);
  assertEquals(names(writes), ["commit/6/1", "-commit/5/0"]);
});

Deno.test("an input that is removed from the store, comes again and is removed again is removed", () => {
  const kept = new KeptInputs(GENESIS, ["input/commit/0000000000000005/1"], {});
  const writes = new WriteSet();
  kept.note(vote("commit", 2, 0), ready(COMMITTED), writes);
  kept.note(vote("commit", 1, 1), ready(), writes);
  assertEquals(names(writes), ["commit/5/1"]);
  kept.note(vote("commit", 2, 1), ready(COMMITTED), writes);
  assertEquals(names(writes), ["-commit/5/1"]);
});

Deno.test("timers of another instance whose clock is a little ahead are not written again by this one's", () => {
  const at = (now: number, statusInMs: number) =>
    timersOf([now, 7, 0, 0, 600, 3, 0, 0, now + statusInMs, 375, 3, 0, now + 100, 2, 1, now - now % 1_000, 0]);
  const writtenAt = (ahead: number, statusInMs: number, now = 50_400) => {
    const writes = new WriteSet();
    const kept = new KeptInputs(GENESIS, [], { timers: at(now + ahead, 375) });
    kept.noteTimers(
      { ...at(now, statusInMs), handOvers: setBack(at(now + ahead, 375), ahead).handOvers },
      writes,
    );
    return names(writes);
  };
  assertEquals(writtenAt(2_000, 375), []);
  assertEquals(writtenAt(4_999, 375), []);
  assertEquals(writtenAt(0, 375), []);
  // A clock that was set back by more is no other instance's.
  assertEquals(writtenAt(60_000, 375), ["timers"]);
  // What is due at another time is written, but not at once if nothing else is.
  const kept = new KeptInputs(GENESIS, [], { timers: at(52_400, 375) });
  const later = (now: number) => {
    const writes = new WriteSet();
    kept.noteTimers(at(now, 750), writes);
    return names(writes);
  };
  assertEquals([later(50_400), later(52_700)], [[], ["timers"]]);
});
