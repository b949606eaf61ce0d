/**
 * A reload equals memory. At a moment when all that a replica has done is durable, a second core is read from its
 * store. It must be in the state of the first one: in every respect on a host that keeps inputs, elsewhere in all that
 * binds the replica.
 * @module
 */
import { MachineVersions } from "../../core/epochs/versions.ts";
import type { Terms } from "../../core/config.ts";
import type { Digest, Millis, SequenceNumber } from "../../core/messages/ids.ts";
import type { MessageInput, ReplicaStatus } from "../../core/io.ts";
import type { Message } from "../../core/messages/messages.ts";
import type { StoredState, Timers } from "../../core/records.ts";
import { GRANT_INTERVAL_MS } from "../../core/views/hand_over.ts";
import { createEnvironment } from "../../node/environment.ts";
import { configurePort, termsOf } from "../../node/epochs/cryptography.ts";
import { settingsFor } from "../../node/options.ts";
import type { Loaded, Store } from "../../node/ports.ts";
import { restore } from "../../node/storage/opening.ts";
import { CLOCKS_APART_MS } from "../../node/storage/timers_record.ts";
import { encodeBatch } from "../../wire/mod.ts";
import { lostBody } from "./bodies.ts";
import type { Disk } from "../hosts/disk.ts";
import { loadedWhole } from "../machine/loaded_whole.ts";
import type { Moment } from "../world/world.ts";

/** The part of the reloads that are followed by a drill. Drills cost the simulator more than reloads. */
const DRILLED = 0.5;

/** Reads a second replica from the store and reports the differences. */
export async function checkReload(moment: Moment): Promise<void> {
  const { world, replica, label, disk, persistInputs, versions, status, timers, formerBodies, now, random } = moment;
  const { genesis, cluster, epoch, settings, crypto, signerOf, report, coverage, createCore } = world;
  // Stored timers are whole ms. Within the last one a timer may be due in the store and not yet in memory.
  if (persistInputs && timers?.suspectAt != null && Math.abs(timers.suspectAt - timers.awakeMs) < 1) return;
  const copy = copyOf(disk);
  const lost = lostBody({
    owed: world.checker.owedBodies(replica),
    blobs: disk.blobs,
    nullDigest: crypto.hash(encodeBatch(0 as Millis, [])),
    n: genesis.replicas.length,
  });
  if (lost) report("bodies", `${label} has no more ${lost}`);
  const { storedState, kept } = await restore(
    copy,
    { genesis, cluster, epoch: epoch.number, self: replica, hash: crypto.hash },
    { persistInputs },
  );
  const coreOf = (from: StoredState) =>
    createCore(
      createEnvironment({
        self: replica,
        genesis: termsOf(epoch),
        settings: settingsFor(settings, { persistInputs }),
        ...(world.epochs && { configure: configurePort(epoch, crypto) }),
        stateMachine: loadedWhole(world.stateMachine(replica)),
        ...versions && { versions: MachineVersions.of(versions) },
        signer: signerOf(replica),
        hash: crypto.hash,
      }),
      from,
    );
  const core = coreOf(storedState);
  const formersRead = core.buffers?.().formerBodies;
  // That a fetch was given up is a soft record, so the store may still have it for a while.
  if (formerBodies !== undefined && (formersRead ?? 0) < formerBodies) {
    report(
      "reload",
      `${label}, read from its store, has ${formersRead} former bodies; in memory it has ${formerBodies}`,
    );
  }
  const rootRead = core.status().stateRoot;
  const { messages, records } = core.step({ kind: "start", kept }, now);
  // The replica in memory waits for chunks before its next checkpoint. The reloaded one has them all and takes it at
  // its start.
  const isSealed = rootRead === status.stateRoot && records.some(({ kind }) => kind === "checkpoint");
  coverage.count("reload", persistInputs ? "with its inputs" : "with what binds it");
  const again = core.status();
  // The one in memory reads chunks, and its timer is held until then. The reloaded one has them all, and its timer
  // fires at its start.
  const isHeld = timers?.suspectAt != null && timers.suspectAt <= timers.awakeMs;
  if (persistInputs && isHeld && again.lastExecuted > status.lastExecuted) return;
  if (timers && hasAgreedSooner(timers, core.timers?.(), now)) return;
  // Numbers that are decided in memory and cannot be executed yet, which others send again; and numbers that a primary
  // proposes at its start.
  const decided = status.slots.filter(({ stage }) => stage === "committed").map(({ sequence }) => sequence);
  const ignored = new Set([...decided, ...messages.flatMap(({ message: { message } }) => proposed(message))]);
  const difference = reloadDifference(status, again, { persistInputs, ignored, isSealed });
  if (difference) report("reload", `${label}, read from its store, has ${difference}`);
  // It may be stored later than it is seen, but then it stays.
  const [seen, stored] = [again.evidence.length, storedState.evidence?.length ?? 0];
  if (seen < stored) {
    report("reload", `${label}, read from its store, has evidence ${seen}, of ${stored} that is there`);
  }
  const left = leftBelow(storedState, kept, status.lowWatermark, { ...termsOf(epoch), persistInputs });
  if (left) report("bounds", `${label} keeps ${left}, its low watermark is ${status.lowWatermark}`);
  const list = listOfNamed(storedState);
  if (list) {
    report("reload", `${label}, read from its store, drops blobs that its checkpoint names, on the list of ${list}`);
  }
  const patience = persistInputs && timers ? patienceLost(timers, storedState) : null;
  if (patience) report("reload", `${label}, read from its store, ${patience}`);
  // In a cluster of one there are no others to simulate.
  if (world.drill && genesis.replicas.length > 1 && random.chance(DRILLED)) {
    world.drill(world, { replica, label, storedState, kept, now, random, createCore: coreOf });
  }
}

/** The facts about a reload besides the two replicas. */
export interface ReloadContext {
  readonly persistInputs: boolean;
  /** Numbers that may be at any stage. */
  readonly ignored: ReadonlySet<SequenceNumber>;
  /** Whether it took a checkpoint at its start that the one in memory waits to take. */
  readonly isSealed: boolean;
}

/** The first difference between the reloaded replica and the one in memory that must not be. */
export function reloadDifference(
  memory: ReplicaStatus,
  again: ReplicaStatus,
  { persistInputs, ignored, isSealed }: ReloadContext,
): string | null {
  // The replica in memory may wait for chunks, all of which the reloaded one has. It may know of a later state to
  // fetch, to which a start switches at once. Or it has dropped checkpoints for later ones while the store still has a
  // quorum of them.
  const isFurther = isSealed || again.lastExecuted > memory.lastExecuted ||
    (again.transferring && again.lowWatermark > memory.lowWatermark);
  // The fetched state replaces the effects of the batches after the last checkpoint.
  const isEqual = persistInputs && !memory.transferring && !isFurther;
  // Kept inputs are compared in another order. A contradiction that memory saw too late to record may be found then.
  const evidence = again.evidence.length > memory.evidence.length ? memory.evidence : again.evidence;
  if (isEqual) return differenceIn(all(memory, ignored), all({ ...again, evidence }, ignored));
  if (!isFurther) return bindingDifference(memory, again);
  // What it has executed beyond memory may be a configuration. Nothing above the end of its epoch counts then.
  const slots = memory.slots.filter(({ sequence }) => sequence <= again.highWatermark);
  return bindingDifference({ ...memory, lowWatermark: again.lowWatermark, slots }, again);
}

/** Records that a store should have deleted, as a stable checkpoint covers them (PBFT §4.3). */
function leftBelow(
  { accepted, former = [], prepared, committed, retired }: StoredState,
  kept: readonly MessageInput[],
  low: number,
  { checkpointInterval, start, persistInputs }: Terms & Pick<Moment, "persistInputs">,
): string | null {
  const numbers = [
    ...[...accepted, ...prepared].map(({ prePrepare }) => prePrepare.message.sequence),
    ...[...former, ...committed].map(({ sequence }) => sequence),
    ...kept.flatMap((input) => {
      switch (input.kind) {
        case "prepare":
          return [input.prepare.message.sequence];
        case "commit":
          return [input.commit.message.sequence];
        case "checkpoint":
          return [input.checkpoint.message.sequence];
        default:
          return [];
      }
    }),
  ];
  const number = numbers.find((sequence) => sequence <= low);
  if (number !== undefined) return `what was said of ${number}`;
  // The last two states stay, for replicas that are fetching them. What the one before has replaced may be dropped in
  // slices, on a host that does not stop in between. What the epoch before has left goes with the first checkpoint of
  // this one.
  const states = persistInputs ? 1 : 2;
  const old = low === start?.sequence
    ? undefined
    : retired.find(({ sequence }) => sequence <= low - states * checkpointInterval);
  return old ? `what the checkpoint at ${old.sequence} has replaced` : null;
}

/**
 * The number of a list of blobs to drop that has one of the last checkpoint: whoever goes on from this store drops it.
 * What is noted as fetched is taken off these lists first.
 */
function listOfNamed({ retired, fetched, blobs }: StoredState): SequenceNumber | null {
  const spared = new Set(fetched);
  const isDropped = (digest: Digest) => blobs.has(digest) && !spared.has(digest);
  return retired.find(({ digests }) => digests.some(isDropped))?.sequence ?? null;
}

/**
 * Whether the reloaded replica has agreed to one more hand-over: the times of the last ones are stored in whole seconds, so it may do so up to
 * a second sooner than the one in memory.
 */
function hasAgreedSooner({ handOvers }: Timers, reloaded: Timers | undefined, now: Millis): boolean {
  return (reloaded?.handOvers ?? []).some(({ replica, view }) => {
    const before = handOvers.find((one) => one.replica === replica);
    return before && before.view !== view && now - before.at >= GRANT_INTERVAL_MS - 1_000;
  });
}

/** On a host that stops the replica between any two inputs, a reload must not restart its timers. */
function patienceLost({ suspectAt, awakeMs, steppedAt }: Timers, { timers }: StoredState): string | null {
  if (suspectAt === null) return null;
  if (!timers || timers.suspectAt === null) return "waits for nothing; in memory it waits for its primary";
  // Timers alone are not written each time. Since they were, each step has counted the time since the step before, but
  // half a timeout at most. A start does the same with all of that time at once.
  const sinceMs = Math.max(0, steppedAt - timers.steppedAt);
  const inStore = timers.suspectAt - timers.awakeMs - sinceMs;
  const mostInStore = inStore + Math.max(0, sinceMs - timers.suspectTimeoutMs / 2);
  const left = suspectAt - awakeMs;
  // The store may have the timers of another instance, whose clock is ahead. This one read them when that was at most
  // CLOCKS_APART_MS. What it has waited since then it need not write, until its clock has overtaken the other.
  const aheadMs = timers.steppedAt - steppedAt;
  const unwrittenMs = aheadMs > 0 ? Math.max(0, CLOCKS_APART_MS - aheadMs) : 0;
  // Overdue timers are due at once, however long they are overdue.
  if (
    Math.max(0, left) >= Math.max(0, inStore - unwrittenMs) - 2 && Math.max(0, left) <= Math.max(0, mostInStore) + 2
  ) return null;
  return `waits for ${Math.round(inStore)} ms more; in memory it is ${Math.round(left)}`;
}

function proposed(message: Message): readonly SequenceNumber[] {
  return message.kind === "pre-prepare" ? [message.sequence] : [];
}

/** A store with the contents that the disk has now. */
function copyOf(disk: Disk): Store {
  const loaded: Loaded = { version: disk.version, records: new Map(disk.records) };
  const blobs = new Map(disk.blobs);
  return {
    load: () => Promise.resolve(loaded),
    read: (digests) => Promise.resolve(digests.map((digest) => blobs.get(digest) ?? null)),
    commit: () => Promise.reject(new Error("a copy is not written to")),
    close: () => Promise.resolve(),
  };
}

type Facts = { readonly [fact: string]: unknown };

/**
 * The status without the parts that may differ: votes for executed numbers, as their certificate is kept; prepares of
 * views that were left; and the number of waiting requests. Some of these have been settled in another way, which is
 * noticed at a reload, or when they come again.
 */
function all(status: ReplicaStatus, ignored: ReadonlySet<SequenceNumber>): Facts {
  const { sessions, names, stateRoot, history, agreedTime, lastExecuted, transferring } = status;
  return {
    ...binding(status),
    lastExecuted,
    history,
    stateRoot,
    agreedTime,
    sessions,
    names,
    transferring,
    evidence: status.evidence.length,
    slots: status.slots.filter(({ sequence, stage, commits }) => {
      return sequence > lastExecuted && !ignored.has(sequence) && (stage !== "idle" || commits > 0);
    }).map(({ sequence, stage, commits }) => `${sequence} ${stage} by ${commits}`).join(", "),
  };
}

function binding({ view, active, lowWatermark, recovering }: ReplicaStatus): Facts {
  return { view, active, lowWatermark, recovering };
}

function differenceIn(memory: Facts, store: Facts): string | null {
  const fact = Object.keys(memory).find((fact) => memory[fact] !== store[fact]);
  return fact === undefined ? null : `${fact} ${store[fact]}; in memory it is ${memory[fact]}`;
}

const STAGES = ["idle", "pre-prepared", "prepared", "committed"];

/** It still has what it accepted and prepared. Decisions of the others it may have to receive again. */
function bindingDifference(memory: ReplicaStatus, store: ReplicaStatus): string | null {
  const known = new Map(store.slots.map(({ sequence, stage }) => [sequence, STAGES.indexOf(stage)]));
  for (const { sequence, stage } of memory.slots) {
    if (sequence <= store.lowWatermark) continue;
    if (stage === "committed" || (known.get(sequence) ?? 0) >= STAGES.indexOf(stage)) continue;
    return `${sequence} ${STAGES[known.get(sequence) ?? 0]}; in memory it is ${stage}`;
  }
  return differenceIn(binding(memory), binding(store));
}
