/**
 * Makes the state of another version of the state machine from that of a snapshot, so that a cluster of that version can
 * begin with it. Everybody who has the snapshot and the code makes the same, and so finds the root that a genesis names.
 * The machine's chunks are in memory meanwhile, before and after the migration.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import { MachineVersions, type Migrate, migrated, type StateMachines } from "../core/epochs/versions.ts";
import type { Digest, SequenceNumber } from "../core/messages/ids.ts";
import { entriesOf, readChunk, readPage, type Root, StateTree } from "../core/tree/state_tree.ts";
import { sha256 } from "../crypto/mod.ts";
import { chainCrypto } from "../node/epochs/cryptography.ts";
import { CRYPTOGRAPHY } from "../node/options.ts";
import { followLink, LinkError, makeLink } from "../wire/epochs/mod.ts";
import { pack, unpack } from "../wire/mod.ts";
import { forEach, readBlob, rootIn } from "./blobs.ts";
import type { ProvenHead } from "./manifest.ts";
import { SnapshotError } from "./snapshot_error.ts";
import { blobKey, type SnapshotStorage } from "./storage/storage.ts";
import { type SnapshotChoice, verifySnapshot } from "./verify.ts";

/** The prefix of the chunks of the state machine. */
const MACHINE = "m";

/** A state that was migrated. */
export interface MigratedState {
  /** The number of the last batch that it contains, as before. */
  readonly sequence: SequenceNumber;
  /** The digest of its root page. */
  readonly root: Digest;
  /** The version of the snapshot's state. */
  readonly from: string;
  /** The version of the new state. */
  readonly to: string;
  /** New blobs in the storage, and their bytes. */
  readonly made: { readonly blobs: number; readonly bytes: number };
}

/** Which snapshot is migrated, and to which version. */
export interface MigrationChoice extends SnapshotChoice {
  /** The version of the new state. */
  readonly to: string;
  /** The versions of the state machine, with their migrations. */
  readonly stateMachine: StateMachines;
}

/**
 * Verifies a snapshot wholly, migrates its state, and adds the blobs of the new one to the storage, the root last. Nothing
 * of the snapshot changes. What is added is no snapshot: pruning removes it.
 * @throws {SnapshotError} if the snapshot is not sound, there is no such version or migration, it fails, or it gives
 * another state the second time. Then nothing was added.
 */
export async function migrateSnapshot(
  storage: SnapshotStorage,
  { to, stateMachine, ...choice }: MigrationChoice,
): Promise<MigratedState> {
  const head = await verifySnapshot(storage, choice);
  const { stateMachine: from } = await rulesAfter(head, storage);
  const versions = MachineVersions.of(stateMachine);
  const migrate = from !== to && versions.has(to) ? versions.migration(from, to) : null;
  if (!migrate) {
    throw new SnapshotError(
      from === to
        ? `migration: expected another version than ${from}, whose state the snapshot has`
        : `migration: expected version ${to}, and how it is made of ${from}, got ${versions.names.join(" and ")}`,
    );
  }
  const migration = new Migration(storage, head, { migrate, versions, to });
  // Nothing is kept of the first run but its root. The blobs of the second one are hashed, and only then made again and stored.
  const root = await migration.blobsOf(await migration.run());
  const chunks = await migration.run();
  if (await migration.blobsOf(chunks) !== root) {
    throw new SnapshotError(`the migration to ${to} gives another state the second time: it is not deterministic`);
  }
  const made = { blobs: 0, bytes: 0 };
  await migration.blobsOf(chunks, async (blobs) => {
    await forEach([...blobs], ([digest, bytes]) => storage.put(blobKey(digest), bytes));
    for (const { length } of blobs.values()) [made.blobs, made.bytes] = [made.blobs + 1, made.bytes + length];
  });
  return { sequence: head.sequence, root, from, to, made };
}

/** The chunks of a state machine by its own ids. */
type Chunks = ReadonlyMap<string, Uint8Array>;

/** About how many bytes of new blobs are in memory at once. */
const BLOBS_AT_ONCE = 1024 * 1024;

/** What is run. */
interface How {
  readonly migrate: Migrate;
  readonly versions: MachineVersions;
  readonly to: string;
}

/** The migration of one state. */
class Migration {
  readonly #storage: SnapshotStorage;
  readonly #head: Pick<ProvenHead, "root" | "sequence">;
  readonly #how: How;

  constructor(storage: SnapshotStorage, head: Pick<ProvenHead, "root" | "sequence">, how: How) {
    this.#storage = storage;
    this.#head = head;
    this.#how = how;
  }

  /** Runs it once. @throws {SnapshotError} if it fails. */
  async run(): Promise<Chunks> {
    const { migrate, versions, to } = this.#how;
    const { sequence, agreedTime: timestamp } = await this.#root();
    const former = await this.#former();
    try {
      const next = migrated(migrate, former, { sequence, timestamp });
      former.clear();
      versions.create(to).restore(next);
      return next;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new SnapshotError(`the migration to ${to} fails on the state at ${sequence}: ${why}`);
    }
  }

  /** The root of the state with these chunks in place of the machine's. `store` gets the new blobs, a few at a time, the root last. */
  async blobsOf(
    chunks: Chunks,
    store: (blobs: ReadonlyMap<Digest, Uint8Array>) => Promise<void> = () => Promise.resolve(),
  ): Promise<Digest> {
    const { sequence, history, agreedTime, pages } = await this.#root();
    const tree = new StateTree({ hash: sha256, pack });
    tree.open(this.#head.root, { sequence, history, agreedTime, pages });
    for (const [, page] of pages) tree.load(page, await this.#page(page));
    for (const [id] of tree.chunksOf(MACHINE)) if (!chunks.has(id.slice(MACHINE.length))) tree.put(id, null);
    let bytes = 0;
    for (const [id, chunk] of chunks) {
      bytes += tree.put(MACHINE + id, chunk);
      if (bytes < BLOBS_AT_ONCE) continue;
      bytes = 0;
      await store(tree.takeBlobs());
    }
    const { root, blobs } = tree.seal([], { sequence, history, agreedTime });
    await store(new Map([...blobs].filter(([digest]) => digest !== root)));
    await store(new Map([[root, blobs.get(root)!]]));
    return root;
  }

  async #root(): Promise<Root> {
    return rootIn(this.#head.root, await readBlob(this.#storage, this.#head.root));
  }

  async #page(digest: Digest): Promise<ReturnType<typeof readPage>> {
    return readPage(unpack(await readBlob(this.#storage, digest)));
  }

  /** The chunks before the migration. */
  async #former(): Promise<Map<string, Uint8Array>> {
    const chunks = new Map<string, Uint8Array>();
    for (const [, page] of (await this.#root()).pages) {
      const entries = entriesOf(await this.#page(page)).filter(([id]) => id.startsWith(MACHINE));
      for (const [id, digest] of entries) {
        const [, chunk] = readChunk(unpack(await readBlob(this.#storage, digest)));
        chunks.set(id.slice(MACHINE.length), chunk);
      }
    }
    return chunks;
  }
}

/**
 * The rules in force after the state of a snapshot. If its checkpoint closes its epoch, the state is that of the next one,
 * also of its version of the machine.
 */
export async function rulesAfter(
  { certificate, epoch }: ProvenHead,
  storage: SnapshotStorage,
): Promise<Genesis> {
  if (certificate.length === 0) return epoch.genesis;
  try {
    const link = await makeLink(certificate, (digest: Digest) => readBlob(storage, digest));
    return (await followLink(epoch, link, chainCrypto(CRYPTOGRAPHY))).genesis;
  } catch (error) {
    if (error instanceof LinkError) return epoch.genesis;
    throw error;
  }
}
