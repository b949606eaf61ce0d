/**
 * `snapshot`: saves, verifies, restores, prunes and audits snapshots in a folder.
 * @module
 */
import { replicaId } from "../../../core/messages/ids.ts";
import { KeyValue } from "../../../machines/mod.ts";
import { audit } from "../../../snapshot/audit.ts";
import { pruneSnapshots } from "../../../snapshot/prune.ts";
import { restoreSnapshot } from "../../../snapshot/restore.ts";
import { type SavedSnapshot, saveSnapshot } from "../../../snapshot/save.ts";
import { SnapshotError } from "../../../snapshot/snapshot_error.ts";
import { folderStorage } from "../../../snapshot/storage/folder.ts";
import { verifySnapshot } from "../../../snapshot/verify.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { SqliteStore } from "../../../stores/sqlite.ts";
import { READ_TOKEN_FLAG, readToken } from "../../check/read_token.ts";
import { CliError, EXIT, reasonOf } from "../../cli_error.ts";
import { exists } from "../../files.ts";
import { findCluster, type FoundCluster } from "../../find_cluster.ts";
import { loadMachine } from "../../machine/load.ts";
import { natural } from "../../numbers.ts";
import { durationMs } from "../../parser/duration.ts";
import { CLUSTER_FLAG, EXPORT_FLAG } from "../../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";
import { replicaSource } from "../../snapshots/replica_source.ts";

const FLAGS = {
  ...CLUSTER_FLAG,
  ...READ_TOKEN_FLAG,
  "from": { value: "NAME", help: "save: the member whose state is saved (the first that gives it)" },
  "timeout": { value: "TIME", help: "save: how long one answer may take (30s)" },
  "sequence": {
    value: "NUMBER",
    help: "verify, restore, audit: the snapshot of this number (the newest; audit: none)",
  },
  "name": { value: "NAME", help: "restore: the member that lost its disk" },
  "state": { value: "FILE", isFile: true, help: "restore: its SQLite file, which must not exist" },
  "keep": { value: "NUMBER", help: "prune: how many snapshots are kept" },
  "machine": { value: "FILE", isFile: true, help: "audit: the file that exports the state machine (key-value)" },
  ...EXPORT_FLAG,
} as const satisfies Flags;

type Action = (
  call: Call<typeof FLAGS>,
  folder: string,
) => Promise<{ readonly text: string; readonly json: Readonly<Record<string, unknown>> }>;

const ACTIONS: Readonly<Record<string, Action>> = { save, verify, restore, prune, audit: auditPast };

/** The verb. */
export const verb = defineVerb({
  about: `Saves the replicated state with the proof that the cluster agreed on it, and works with what was saved.

  save     saves the state of a running member's last stable checkpoint; only what the folder lacks is fetched
  verify   checks a snapshot wholly, without a network
  restore  fills the state file of a member that lost its disk; then start it as usual
  prune    keeps the newest snapshots and removes the others
  audit    executes the archived batches in the folder again, and compares the state with the snapshots`,
  args: [
    { name: "ACTION", help: "save, verify, restore, prune or audit" },
    { name: "FOLDER", help: "where the snapshots are", isFile: true },
  ],
  flags: FLAGS,
  notes: `A snapshot shows the whole state. Members give it to their own machine, to other members, and to readers with
their token. Exit code 1: a snapshot is not proven, incomplete, or damaged.`,
  async run(call) {
    const [action = "", folder = ""] = call.args;
    if (!Object.hasOwn(ACTIONS, action)) {
      throw new CliError(
        `${JSON.stringify(action)}: expected ${Object.keys(ACTIONS).join(", ")} (see --help)`,
        EXIT.usage,
      );
    }
    try {
      const { text, json } = await ACTIONS[action]!(call, folder);
      call.terminal.progress("");
      call.terminal.print(call.terminal.isJson ? JSON.stringify(json) : text);
      return EXIT.done;
    } catch (error) {
      call.terminal.progress("");
      if (error instanceof SnapshotError) throw new CliError(error.message, EXIT.no, { looked: `looked in ${folder}` });
      if (error instanceof TypeError && error.message.startsWith("stateMachine")) {
        throw new CliError(error.message, EXIT.usage, {
          next: "--machine FILE names the machine that the cluster runs",
        });
      }
      throw error;
    }
  },
});

const DEFAULT_TIMEOUT_MS = 30_000;

async function save({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const found = await findCluster(values.cluster);
  const token = readToken(values["read-token-file"]);
  const timeoutMs = values.timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs("--timeout", values.timeout);
  const { genesis, urls } = found.cluster;
  const names = values.from === undefined ? genesis.replicas.map(({ name }) => name) : [memberOf(found, values.from)];
  const refusals: string[] = [];
  let saved: SavedSnapshot | null = null;
  let from = "";
  for (const name of names) {
    try {
      saved = await saveSnapshot(replicaSource({ url: urls[name]!, token, timeoutMs }), folderStorage(folder), {
        genesis,
        onProgress: ({ blobs, bytes }) => terminal.progress(`${name}: ${blobs} blobs, ${sizeText(bytes)}…`),
      });
      from = name;
      break;
    } catch (error) {
      refusals.push(`${name}: ${reasonOf(error)}`);
    }
  }
  if (!saved) {
    throw new CliError("no member gave its state", EXIT.unreachable, {
      looked: refusals.join("\n  "),
      next: "start a member, or wait for its first stable checkpoint; from another machine give --read-token-file",
    });
  }
  const { sequence, root, fetched } = saved;
  return {
    text: `saved the state at ${sequence} of ${from}: ${fetched.blobs} new blobs, ${sizeText(fetched.bytes)}`,
    json: { sequence, root, from, ...fetched },
  };
}

async function verify({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const { cluster: { genesis } } = await findCluster(values.cluster);
  terminal.progress("reading…");
  const { sequence, root, agreedTime, blobs, bytes, certificate } = await verifySnapshot(folderStorage(folder), {
    genesis,
    ...chosen(values.sequence),
  });
  const signers = certificate.map(({ message }) => genesis.replicas[message.replica]!.name);
  const time = new Date(agreedTime).toISOString();
  return {
    text: `the state at ${sequence}, of ${time}, is complete: ${blobs} blobs, ${sizeText(bytes)}; signed by ${
      signers.join(", ")
    }`,
    json: { sequence, root, agreedTime, blobs, bytes, signers },
  };
}

async function restore({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const found = await findCluster(values.cluster);
  const name = memberOf(found, required(values.name, "name"));
  const path = required(values.state, "state");
  const { genesis } = found.cluster;
  const self = replicaId(genesis.replicas.findIndex((member) => member.name === name));
  if (exists(path)) {
    throw new CliError(`${path}: exists already`, EXIT.usage, {
      next: "move it away if it is lost or damaged; a member with a sound state needs no restore",
    });
  }
  terminal.progress("restoring…");
  // Nothing is left of a snapshot that is not sound.
  await verifySnapshot(folderStorage(folder), { genesis, ...chosen(values.sequence) });
  const store = await SqliteStore.open(path);
  try {
    const options = { genesis, ...chosen(values.sequence) };
    const { sequence, root, blobs, bytes } = await restoreSnapshot(folderStorage(folder), store, self, options);
    return {
      text: `${path} has the state at ${sequence}, ${sizeText(bytes)}: start ${name} as usual, without --start; ` +
        "it recovers what is newer, and votes when that is safe",
      json: { sequence, root, name, state: path, blobs, bytes },
    };
  } finally {
    await store.close();
  }
}

async function prune({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const keep = natural("--keep", required(values.keep, "keep"), { max: 1_000_000 });
  if (keep === 0) throw new CliError("--keep: expected 1 or more, got 0", EXIT.usage);
  terminal.progress("reading…");
  const { snapshots, blobs } = await pruneSnapshots(folderStorage(folder), keep);
  return { text: `removed ${snapshots} snapshots and ${blobs} blobs`, json: { snapshots, blobs } };
}

async function auditPast({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const { cluster: { genesis } } = await findCluster(values.cluster);
  const machine = values.machine === undefined ? undefined : await loadMachine(values.machine, values.export);
  const { from, through, compared, history } = await audit({
    genesis,
    stateMachine: machine?.create ?? (() => new KeyValue()),
    storage: folderStorage(folder),
    store: new MemoryStore(),
    ...(values.sequence !== undefined && { from: natural("--sequence", values.sequence, { max: 2 ** 53 - 1 }) }),
    onProgress: (sequence) => {
      if (sequence % 100 === 0) terminal.progress(`executed ${sequence}…`);
    },
  });
  if (through < from) {
    throw new CliError("no archived batch after the start: expected batches in the folder", EXIT.no, {
      next: "an archive in the folder: serve({ archive: storageArchive(storage) })",
    });
  }
  return {
    text: `executed ${from} to ${through} again; the state is that of ${compared.length} snapshots on the way`,
    json: { from, through, compared, history },
  };
}

function chosen(sequence: string | undefined): { readonly sequence?: number } {
  return sequence === undefined ? {} : { sequence: natural("--sequence", sequence, { max: 2 ** 53 - 1 }) };
}

function memberOf({ cluster: { genesis } }: FoundCluster, name: string): string {
  const names = genesis.replicas.map((member) => member.name);
  if (names.includes(name)) return name;
  throw new CliError(`${name}: no such member; the members are ${names.join(", ")}`, EXIT.usage);
}

function required(value: string | undefined, option: string): string {
  if (value !== undefined && value !== "") return value;
  throw new CliError(`--${option}: expected a value, got nothing (see --help)`, EXIT.usage);
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
