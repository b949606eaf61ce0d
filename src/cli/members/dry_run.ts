/**
 * A migration, tried on the state of one member before it signs for the new version: whether it works, its new state,
 * and whether it gives the same twice. Nothing is changed.
 * @module
 */
import { changesOf } from "../../core/ordering/machine_guard.ts";
import type { Digest, Millis } from "../../core/messages/ids.ts";
import { migrated, type MigrationContext } from "../../core/epochs/migrate.ts";
import { MachineVersions } from "../../core/epochs/versions.ts";
import { entriesOf, readChunk, readPage, readRoot } from "../../core/tree/state_tree.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import { sha256 } from "../../crypto/mod.ts";
import type { Store } from "../../node/ports.ts";
import { BlobReader } from "../../node/storage/blob_reader.ts";
import { RecordReader } from "../../node/storage/record_reader.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { pack, unpack } from "../../wire/mod.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { exists } from "../files.ts";
import { loadSafely } from "../machine/load_safely.ts";
import type { CheckedProposal } from "./proposal_file.ts";

/** The prefix of the chunks of the state machine. */
const MACHINE = "m";
/** A running replica may drop a blob while it is read. Then the reading begins anew, at most this often. */
const ATTEMPTS = 5;

/** The result of a trial. */
export interface DryRun {
  /**
   * The number whose state was migrated: the member's last checkpoint. 0 is the initial state, before the first one.
   */
  readonly sequence: number;
  readonly from: string;
  readonly to: string;
  readonly chunks: { readonly before: number; readonly after: number };
  readonly bytes: { readonly before: number; readonly after: number };
  /**
   * The hash of the new state. Members who tried it at the same number have the same, if the migration is
   * deterministic.
   */
  readonly digest: Digest;
  readonly tookMs: number;
}

/** The epoch that a member is in. */
type Present = Pick<Epoch, "genesis" | "start">;

/** The chunks of the state machine in a store, at its last checkpoint. */
interface StoredChunks {
  readonly sequence: number;
  readonly timestamp: Millis;
  readonly chunks: ReadonlyMap<string, Uint8Array>;
}

/**
 * Runs the migration from the version of the present epoch to another one on the state in a store.
 * @throws {CliError} if there is no such version or migration, if it fails, or gives something else the second time.
 */
export async function dryRun(
  store: Pick<Store, "load" | "read">,
  { present, versions, to }: { readonly present: Present; readonly versions: MachineVersions; readonly to: string },
): Promise<DryRun> {
  const from = present.genesis.stateMachine;
  const migrate = versions.has(to) ? versions.migration(from, to) : null;
  if (!migrate) {
    throw new CliError(
      `--machine: expected version ${to}, and how it is made of ${from}, got ${versions.names.join(" and ")}`,
      EXIT.no,
      { next: "a member without them waits in the next epoch: install the code that has both versions first" },
    );
  }
  const { sequence, timestamp, chunks } = await storedChunks(store, present, () => versions.create(from));
  const context = { sequence, timestamp } as MigrationContext;
  const begun = performance.now();
  const attempt = (): ReadonlyMap<string, Uint8Array> => {
    try {
      const next = migrated(migrate, chunks, context);
      versions.create(to).restore(next);
      return next;
    } catch (error) {
      throw new CliError(`the migration to ${to} fails on the state at ${sequence}: ${reasonOf(error)}`, EXIT.no, {
        next: `nothing was signed; with it the members would stay with ${from}: mend the migration`,
      });
    }
  };
  const next = attempt();
  const tookMs = performance.now() - begun;
  const digest = digestOf(next);
  if (digestOf(attempt()) !== digest) {
    throw new CliError(`the migration to ${to} gives another state the second time: it is not deterministic`, EXIT.no, {
      next:
        "nothing was signed; with it the epoch would not close: look for clocks, chance and the order of keys in it",
    });
  }
  return {
    sequence,
    from,
    to,
    chunks: { before: chunks.size, after: next.size },
    bytes: { before: sizeOf(chunks), after: sizeOf(next) },
    digest,
    tookMs,
  };
}

/** The result of a trial, in words. */
export function dryRunText({ sequence, from, to, chunks, bytes, digest, tookMs }: DryRun): readonly string[] {
  return [
    `the migration from ${from} to ${to}, tried on the state at ${sequence}, works: ${chunks.before} chunks with ` +
    `${bytes.before} bytes become ${chunks.after} with ${bytes.after}, in ${Math.ceil(tookMs)} ms`,
    `  the new state is ${digest.slice(0, 16)}: members who try it at ${sequence} must see the same`,
  ];
}

async function storedChunks(
  store: Pick<Store, "load" | "read">,
  present: Present,
  create: () => StateMachine,
): Promise<StoredChunks> {
  for (let attempt = 1;; attempt++) {
    try {
      return await readChunks(store, present, create);
    } catch (error) {
      if (error instanceof CliError || attempt === ATTEMPTS) throw new CliError(`--state: ${reasonOf(error)}`, EXIT.no);
    }
  }
}

async function readChunks(
  store: Pick<Store, "load" | "read">,
  { genesis, start }: Present,
  create: () => StateMachine,
): Promise<StoredChunks> {
  const { records } = await store.load();
  const checkpoint = new RecordReader(records, genesis).checkpoint();
  if (!checkpoint) {
    if (records.size > 0 && !start) return { sequence: 0, timestamp: 0 as Millis, chunks: initialChunks(create()) };
    throw new CliError("expected a state with a checkpoint, got one without");
  }
  const blobs = new BlobReader(store, sha256);
  const one = async (digest: Digest) => unpack((await blobs.read([digest])).get(digest)!);
  const { pages, agreedTime } = readRoot(await one(checkpoint.root));
  const chunks = new Map<string, Uint8Array>();
  for (const [, page] of pages) {
    const listed = entriesOf(readPage(await one(page))).filter(([id]) => id.startsWith(MACHINE));
    const found = await blobs.read(listed.map(([, digest]) => digest));
    for (const [id, digest] of listed) chunks.set(id.slice(MACHINE.length), readChunk(unpack(found.get(digest)!))[1]);
  }
  return { sequence: checkpoint.sequence, timestamp: agreedTime, chunks };
}

/** Before its first checkpoint a member has the initial state, and has executed a few batches since. */
function initialChunks(machine: StateMachine): ReadonlyMap<string, Uint8Array> {
  return new Map(changesOf(machine).flatMap(([id, chunk]) => chunk ? [[id, new Uint8Array(chunk)]] : []));
}

function digestOf(chunks: ReadonlyMap<string, Uint8Array>): Digest {
  const sorted = [...chunks].sort(([a], [b]) => a < b ? -1 : 1);
  return sha256(pack(sorted.map(([id, chunk]) => [id, chunk])));
}

function sizeOf(chunks: ReadonlyMap<string, Uint8Array>): number {
  return [...chunks.values()].reduce((sum, { length }) => sum + length, 0);
}

/** The flags of `sign` that name the member's machine and its state. */
export interface MigrationFlags {
  readonly machine?: string | undefined;
  readonly export?: string | undefined;
  readonly state?: string | undefined;
}

/**
 * If a proposal changes the version of the state machine: tries the migration on this member's state, if the machine
 * and the state are given. Returns what is to be said. @throws {CliError} if it does not work: then nothing is signed.
 */
export async function tryMigration(
  { machine, export: name, state }: MigrationFlags,
  { proposal: { configuration }, followed: { present } }: Pick<CheckedProposal, "proposal" | "followed">,
): Promise<{ readonly lines: readonly string[]; readonly tried: DryRun | null }> {
  const [from, to] = [present.genesis.stateMachine, configuration.genesis.stateMachine];
  if (from === to) return { lines: [], tried: null };
  if (machine === undefined || state === undefined) {
    const lines = [
      `the migration from ${from} to ${to} was not tried: --machine FILE --state FILE tries it before signing`,
    ];
    return { lines, tried: null };
  }
  const versions = MachineVersions.of((await loadSafely(machine, name)).machines);
  const store = await openState(state);
  try {
    const tried = await dryRun(store, { present, versions, to });
    return { lines: dryRunText(tried), tried };
  } finally {
    await store.close();
  }
}

/** Opens the state of a member, which may be running. @throws {CliError} if there is no such file. */
async function openState(path: string): Promise<SqliteStore> {
  if (!exists(path)) throw new CliError(`--state: ${path}: no such file`, EXIT.usage);
  try {
    return await SqliteStore.open(path);
  } catch (error) {
    throw new CliError(`--state: ${reasonOf(error)}`, EXIT.usage);
  }
}
