/**
 * Makes the state of another version of the state machine from that of a snapshot, so that a cluster of that version can
 * begin with it. Everybody who has the snapshot and the code makes the same, and so finds the root that a genesis names.
 * The machine's chunks are in memory meanwhile.
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
  const root = rootIn(head.root, await readBlob(storage, head.root));
  const attempt = async () => await new Migration(storage, head.root, root).run(migrate, to, versions);
  const made = await attempt();
  if ((await attempt()).root !== made.root) {
    throw new SnapshotError(`the migration to ${to} gives another state the second time: it is not deterministic`);
  }
  const blobs = [...made.blobs].filter(([digest]) => digest !== made.root);
  await forEach(blobs, ([digest, bytes]) => storage.put(blobKey(digest), bytes));
  await storage.put(blobKey(made.root), made.blobs.get(made.root)!);
  const bytes = [...made.blobs.values()].reduce((sum, { length }) => sum + length, 0);
  return { sequence: head.sequence, root: made.root, from, to, made: { blobs: made.blobs.size, bytes } };
}

/** One run over a state. */
class Migration {
  readonly #storage: SnapshotStorage;
  readonly #root: Root;
  readonly #tree = new StateTree({ hash: sha256, pack });

  constructor(storage: SnapshotStorage, digest: Digest, root: Root) {
    this.#storage = storage;
    this.#root = root;
    this.#tree.open(digest, root);
  }

  async run(
    migrate: Migrate,
    to: string,
    versions: MachineVersions,
  ): Promise<{ readonly root: Digest; readonly blobs: ReadonlyMap<Digest, Uint8Array> }> {
    const { sequence, agreedTime: timestamp, history } = this.#root;
    const former = await this.#chunks();
    let next: ReadonlyMap<string, Uint8Array>;
    try {
      next = migrated(migrate, former, { sequence, timestamp });
      versions.create(to).restore(next);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new SnapshotError(`the migration to ${to} fails on the state at ${sequence}: ${why}`);
    }
    this.#tree.replaceAll(MACHINE, new Map([...next].map(([id, chunk]) => [MACHINE + id, chunk])));
    return this.#tree.seal([], { sequence, history, agreedTime: timestamp });
  }

  /** The chunks of the machine by its own ids. All pages are in the tree afterwards. */
  async #chunks(): Promise<ReadonlyMap<string, Uint8Array>> {
    const chunks = new Map<string, Uint8Array>();
    for (const [, digest] of this.#root.pages) {
      const page = readPage(unpack(await readBlob(this.#storage, digest)));
      this.#tree.load(digest, page);
      for (const [id, chunk] of entriesOf(page)) if (id.startsWith(MACHINE)) await this.#read(id, chunk, chunks);
    }
    return chunks;
  }

  async #read(id: string, digest: Digest, chunks: Map<string, Uint8Array>): Promise<void> {
    const [, chunk] = readChunk(unpack(await readBlob(this.#storage, digest)));
    chunks.set(id.slice(MACHINE.length), chunk);
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
