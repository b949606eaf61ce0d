/**
 * `snapshot audit`: executes the archived past again. The state is in a temporary SQLite file, so that it may be larger
 * than the memory.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { KeyValue } from "../../machines/mod.ts";
import type { Store } from "../../node/ports.ts";
import { audit } from "../../snapshot/audit/audit.ts";
import { folderStorage } from "../../snapshot/storage/folder.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { CliError, EXIT, isSystemError, reasonOf } from "../cli_error.ts";
import { loadSafely } from "../machine/load_safely.ts";
import { natural } from "../numbers.ts";
import { INTERRUPTED, listenForTermination } from "../stop_signals.ts";
import type { Terminal } from "../terminal.ts";
import { LACKS_SQLITE, lacksSqlite, WITH_SQLITE } from "./sqlite.ts";
import { trusted, type TrustFlags } from "./choice.ts";

/** The flags of `audit`. */
export interface AuditFlags extends TrustFlags {
  readonly sequence?: string | undefined;
  readonly machine?: string | undefined;
  readonly export?: string | undefined;
}

/** Audits a folder. @throws {CliError} or a `SnapshotError`. */
export async function auditPast(
  { values, terminal }: { readonly values: AuditFlags; readonly terminal: Terminal },
  folder: string,
): Promise<{ readonly text: string; readonly json: Readonly<Record<string, unknown>> }> {
  const trust = await trusted(values);
  const machine = values.machine === undefined ? undefined : await loadSafely(values.machine, values.export);
  const from = values.sequence === undefined
    ? {}
    : { from: natural("--sequence", values.sequence, { max: 2 ** 53 - 1 }) };
  terminal.progress("reading…");
  const report = await inTemporaryStore(terminal, (store) =>
    audit({
      ...trust,
      ...from,
      stateMachine: machine?.machines ?? (() => new KeyValue()),
      storage: folderStorage(folder),
      store,
      onProgress: (sequence) => {
        if (sequence % 100 === 0) terminal.progress(`executed ${sequence}…`);
      },
    }));
  const { through, blobs, compared, ended, history } = report;
  if (through < report.from) {
    throw new CliError("no archived batch after the start: expected batches in the folder", EXIT.no, {
      next: "an archive in the folder: serve({ archive: storageArchive(storage) })",
    });
  }
  return {
    text: `executed ${report.from} to ${through} again; the state is that of ${compared.length} snapshots on the way${
      ended.length > 0 ? `, and of the ends of ${ended.length} epochs` : ""
    }`,
    json: { from: report.from, through, blobs, compared, ended, history },
  };
}

/** Gives `work` an empty store in a temporary file. Nothing is left of it, also after Ctrl-C. */
async function inTemporaryStore<T>(
  terminal: Pick<Terminal, "say">,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const place = tmpdir();
  let folder: string;
  try {
    folder = mkdtempSync(join(place, "pbft_audit_"));
  } catch (error) {
    throw noRoom(place, error);
  }
  const clear = () => rmSync(folder, { recursive: true, force: true });
  const { signal, forget } = listenForTermination();
  signal.addEventListener("abort", () => {
    clear();
    process.exit(INTERRUPTED);
  });
  try {
    const store = await open(join(folder, "state.db"), terminal);
    try {
      return await work(guarded(store, place));
    } finally {
      await store.close();
    }
  } finally {
    forget();
    clear();
  }
}

async function open(path: string, { say }: Pick<Terminal, "say">): Promise<Store> {
  try {
    return await SqliteStore.open(path);
  } catch (error) {
    if (!lacksSqlite(error)) throw noRoom(path, error);
    say(`${LACKS_SQLITE}, so the state is in memory; if it is large, ${WITH_SQLITE.next}`);
    return new MemoryStore();
  }
}

/** The same store, whose errors say where it is. */
function guarded(store: Store, place: string): Store {
  return {
    load: () => store.load(),
    read: (digests) => store.read(digests),
    close: () => store.close(),
    commit: async (writes, expected) => {
      try {
        return await store.commit(writes, expected);
      } catch (error) {
        throw isSystemError(error) || /^cannot commit to the store/.test(reasonOf(error))
          ? noRoom(place, error)
          : error;
      }
    },
  };
}

function noRoom(place: string, error: unknown): CliError {
  return new CliError(`the state needs a temporary file in ${place}: ${reasonOf(error)}`, EXIT.usage, {
    next: "the variable TMPDIR names another folder, with room for the whole state",
  });
}
