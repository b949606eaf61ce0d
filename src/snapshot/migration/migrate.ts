/**
 * Makes the state of another version of the state machine from that of a snapshot, so that a cluster of that version can
 * begin with it. Everybody who has the snapshot and the code makes the same, and so finds the root that a genesis names.
 * Chunks are read when the migration asks for them, and stored as it gives them. So memory is bounded by the ids and digests of
 * all chunks, about 300 bytes each, and by what the migration itself keeps.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { type Migrate, migratedOneByOne, type StreamedMigration } from "../../core/epochs/migrate.ts";
import { MachineVersions, type StateMachines } from "../../core/epochs/versions.ts";
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import { readPage, type Root, StateTree } from "../../core/tree/state_tree.ts";
import { sha256 } from "../../crypto/mod.ts";
import { chainCrypto } from "../../node/epochs/cryptography.ts";
import { CRYPTOGRAPHY } from "../../node/options.ts";
import { followLink, LinkError, makeLink } from "../../wire/epochs/mod.ts";
import { pack, unpack } from "../../wire/mod.ts";
import { forEach, readBlob, rootIn } from "../blobs.ts";
import type { ProvenHead } from "../manifest.ts";
import { SnapshotError } from "../snapshot_error.ts";
import { blobKey, type SnapshotStorage } from "../storage/storage.ts";
import { type Chunks, storedChunks } from "./stored_chunks.ts";
import { type SnapshotChoice, verifySnapshot } from "../verify.ts";

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
  /** Blobs that the storage did not have, and their bytes. */
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
  // The first time nothing is kept but the root.
  const root = await migration.run(() => Promise.resolve());
  const made = await migration.store(root);
  return { sequence: head.sequence, root, from, to, made };
}

/** About how many bytes of new blobs are in memory at once. */
const BLOBS_AT_ONCE = 1024 * 1024;

/** New blobs by their digests. */
type Blobs = ReadonlyMap<Digest, Uint8Array>;

/** What is run. */
interface How {
  readonly migrate: Migrate | StreamedMigration;
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

  /**
   * Runs it once, and returns the root of the new state. `store` gets the new blobs, a few at a time, the root last.
   * `check` is called before that with the ids and digests of the new chunks.
   * @throws {SnapshotError} if it fails.
   */
  async run(
    store: (blobs: Blobs) => Promise<void>,
    check: (named: readonly (readonly [id: string, digest: Digest])[], root: Digest) => Promise<void> = async () => {},
  ): Promise<Digest> {
    const { migrate } = this.#how;
    const { sequence, history, agreedTime, pages } = await this.#root();
    const tree = new StateTree({ hash: sha256, pack });
    tree.open(this.#head.root, { sequence, history, agreedTime, pages });
    for (const [, page] of pages) tree.load(page, readPage(unpack(await readBlob(this.#storage, page))));
    const former = chunksIn(tree);
    const given = new Set<string>();
    let bytes = 0;
    const chunks = await storedChunks(this.#storage, former);
    const next = migratedOneByOne(migrate, chunks, { sequence, timestamp: agreedTime });
    for (let one = this.#attempt(() => next.next()); !one.done; one = this.#attempt(() => next.next())) {
      const [id, chunk] = one.value;
      given.add(id);
      bytes += tree.put(MACHINE + id, chunk);
      if (bytes < BLOBS_AT_ONCE) continue;
      bytes = 0;
      await store(tree.takeBlobs());
    }
    for (const [id] of former) if (!given.has(id)) tree.put(MACHINE + id, null);
    const { root, blobs } = tree.seal([], { sequence, history, agreedTime });
    await store(new Map([...blobs].filter(([digest]) => digest !== root)));
    await check(chunksIn(tree), root);
    await store(new Map([[root, blobs.get(root)!]]));
    return root;
  }

  /**
   * Runs it once more, and stores the new blobs. They are removed again if the state is not the one with this root, or if
   * the machine can't restore it.
   */
  async store(root: Digest): Promise<MigratedState["made"]> {
    const made = { blobs: 0, bytes: 0 };
    const added: Digest[] = [];
    const store = (blobs: Blobs) =>
      forEach([...blobs], async ([digest, bytes]) => {
        if (await this.#storage.has(blobKey(digest))) return;
        added.push(digest);
        [made.blobs, made.bytes] = [made.blobs + 1, made.bytes + bytes.length];
        await this.#storage.put(blobKey(digest), bytes);
      });
    const { to, versions } = this.#how;
    try {
      await this.run(store, async (named, again) => {
        if (again !== root) {
          throw new SnapshotError(
            `the migration to ${to} gives another state the second time: it is not deterministic`,
          );
        }
        const chunks = await storedChunks(this.#storage, named);
        this.#attempt(() => checkState(versions.create(to), chunks));
      });
    } catch (error) {
      if (error instanceof SnapshotError) await forEach(added, (digest) => this.#storage.delete(blobKey(digest)));
      throw error;
    }
    return made;
  }

  #attempt<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof SnapshotError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new SnapshotError(`the migration to ${this.#how.to} fails on the state at ${this.#head.sequence}: ${why}`);
    }
  }

  async #root(): Promise<Root> {
    return rootIn(this.#head.root, await readBlob(this.#storage, this.#head.root));
  }
}

/** The chunks of the machine in a tree by its own ids, ascending. */
function chunksIn(tree: StateTree): readonly (readonly [id: string, digest: Digest])[] {
  return tree.chunksOf(MACHINE).map(([id, digest]) => [id.slice(MACHINE.length), digest]);
}

/** @throws what the machine throws if it can't restore these chunks. */
function checkState(machine: StateMachine, chunks: Chunks): void {
  const checker = machine.lazyLoading?.checker?.();
  if (!checker) return machine.restore(chunks);
  for (const [id, chunk] of chunks) checker.next(id, chunk);
  checker.end();
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
