/**
 * `snapshot restore`: fills the state file of a member that lost its disk, or of one of a cluster that begins with the
 * snapshot.
 * @module
 */
import { renameSync } from "node:fs";
import process from "node:process";
import type { Genesis } from "../../core/config.ts";
import { replicaId } from "../../core/messages/ids.ts";
import { restoreOrigin, restoreSnapshot } from "../../snapshot/restore.ts";
import { SnapshotError } from "../../snapshot/snapshot_error.ts";
import { folderStorage } from "../../snapshot/storage/folder.ts";
import { openSnapshot, verifySnapshot, verifyState } from "../../snapshot/verify.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { exists, remove } from "../files.ts";
import { laterStateFile } from "../members/key_schedule.ts";
import { required } from "../parser/required.ts";
import { INTERRUPTED, listenForTermination } from "../stop_signals.ts";
import type { Terminal } from "../terminal.ts";
import { LACKS_SQLITE, lacksSqlite, WITH_SQLITE } from "./sqlite.ts";
import { chosen, trusted, type TrustFlags } from "./choice.ts";
import { bytesText, memberOf } from "./words.ts";

/** The flags of `restore`. */
export interface RestoreFlags extends TrustFlags {
  readonly sequence?: string | undefined;
  readonly name?: string | undefined;
  readonly state?: string | undefined;
  readonly new?: boolean | undefined;
}

/** What was restored, in words and for programs. */
export interface Restored {
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Restores into a file that does not exist yet.
 * @throws {CliError} or {@linkcode SnapshotError}; then nothing is left.
 */
export async function restore(
  { values, terminal }: { readonly values: RestoreFlags; readonly terminal: Terminal },
  folder: string,
): Promise<Restored> {
  const trust = await trusted(values);
  const path = required(values.state, "state");
  if (values.new) {
    if (values.sequence !== undefined) {
      throw new CliError("--sequence: expected none with --new: the genesis names the number", EXIT.usage);
    }
    return await restoreNew(trust.genesis, { path, name: required(values.name, "name"), folder, terminal });
  }
  const options = { ...trust, ...chosen(values.sequence) };
  const { epochs } = await openSnapshot(folderStorage(folder), options);
  const present = epochs.at(-1)!;
  const name = memberOf(present, required(values.name, "name"));
  const self = replicaId(present.genesis.replicas.findIndex((member) => member.name === name));
  const { publicKey } = present.genesis.replicas[self]!;
  // Where pbft serve looks for the state of this key.
  const isFirstKey = trust.genesis.replicas.some((member) => member.publicKey === publicKey);
  const file = isFirstKey ? path : laterStateFile(path, publicKey);
  if (exists(file)) {
    throw new CliError(`${file}: exists already`, EXIT.usage, {
      next: "move it away if it is lost or damaged; a member with a sound state needs no restore",
    });
  }
  terminal.progress("restoring…");
  // Verified first, so that a snapshot that is not sound leaves nothing behind.
  await verifySnapshot(folderStorage(folder), options);
  return await intoNewFile(file, async (store) => {
    const { sequence, root, blobs, bytes } = await restoreSnapshot(folderStorage(folder), store, self, options);
    return {
      text: `${file} has the state at ${sequence}, ${bytesText(bytes)}: start ${name} as usual, without --start; ` +
        "it recovers what is newer, and votes when that is safe",
      json: { sequence, root, name, state: file, blobs, bytes },
    };
  });
}

/** A member of a cluster that begins with this state. */
async function restoreNew(
  genesis: Genesis,
  { path, name: asked, folder, terminal }: {
    readonly path: string;
    readonly name: string;
    readonly folder: string;
    readonly terminal: Terminal;
  },
): Promise<Restored> {
  const name = memberOf({ genesis, number: 0 }, asked);
  const self = replicaId(genesis.replicas.findIndex((member) => member.name === name));
  if (!genesis.origin) {
    throw new SnapshotError("genesis.origin: expected a state with which the cluster begins, got none");
  }
  if (exists(path)) {
    throw new CliError(`${path}: exists already`, EXIT.usage, {
      next: "--new is for a member that never ran; one that ran, and lost its disk, is restored without it",
    });
  }
  terminal.progress("restoring…");
  await verifyState(folderStorage(folder), genesis.origin);
  return await intoNewFile(path, async (store) => {
    const { sequence, root, blobs, bytes } = await restoreOrigin(folderStorage(folder), store, self, {
      genesis,
      start: "new",
    });
    return {
      text: `${path} has the state at ${sequence}, ${
        bytesText(bytes)
      }, with which the cluster begins: start ${name} as usual, without --start`,
      json: { sequence, root, name, state: path, blobs, bytes },
    };
  });
}

/** What a state file has beside it. */
const SUFFIXES = ["", "-wal", "-shm"];

/**
 * Fills a state file that did not exist. It has another name until it is whole, so that a restore that is stopped
 * leaves no state that a member could be started with; the next one begins anew.
 * @throws {CliError} if that fails; then there is none.
 */
async function intoNewFile<T>(path: string, fill: (store: SqliteStore) => Promise<T>): Promise<T> {
  const partial = `${path}.partial`;
  const clear = () => SUFFIXES.forEach((suffix) => remove(partial + suffix));
  const { signal, forget } = listenForTermination();
  signal.addEventListener("abort", () => {
    clear();
    process.exit(INTERRUPTED);
  });
  let store: SqliteStore | undefined;
  try {
    clear();
    store = await SqliteStore.open(partial);
    const filled = await fill(store);
    await store.close();
    // Somebody may have started the member meanwhile.
    if (exists(path)) throw new Error(`${path} exists by now`);
    renameSync(partial, path);
    return filled;
  } catch (error) {
    await store?.close();
    clear();
    if (error instanceof SnapshotError) throw error;
    if (lacksSqlite(error)) {
      throw new CliError(`--state: ${LACKS_SQLITE}, which a state file needs`, EXIT.usage, WITH_SQLITE);
    }
    throw new CliError(`--state: ${reasonOf(error)}`, EXIT.usage, { next: "no state file was left" });
  } finally {
    forget();
  }
}
