/**
 * `snapshot`: saves, verifies, restores, prunes and audits snapshots in a folder.
 * @module
 */
import type { Genesis } from "../../../core/config.ts";
import { replicaId } from "../../../core/messages/ids.ts";
import { KeyValue } from "../../../machines/mod.ts";
import { audit } from "../../../snapshot/audit/audit.ts";
import { pruneSnapshots } from "../../../snapshot/prune.ts";
import { restoreOrigin, restoreSnapshot } from "../../../snapshot/restore.ts";
import { type SavedSnapshot, saveSnapshot } from "../../../snapshot/save.ts";
import { SnapshotError } from "../../../snapshot/snapshot_error.ts";
import { folderStorage } from "../../../snapshot/storage/folder.ts";
import type { Trust } from "../../../snapshot/trust.ts";
import { openSnapshot, verifySnapshot, verifyState } from "../../../snapshot/verify.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { SqliteStore } from "../../../stores/sqlite.ts";
import { READ_TOKEN_FLAG, readToken } from "../../check/read_token.ts";
import { CliError, EXIT, reasonOf } from "../../cli_error.ts";
import { exists } from "../../files.ts";
import { findCluster } from "../../find_cluster.ts";
import { loadMachine } from "../../machine/load.ts";
import { keepIn, KeptChain } from "../../members/kept_chain.ts";
import { laterStateFile } from "../../members/key_schedule.ts";
import { followMembers } from "../../members/follow.ts";
import { natural } from "../../numbers.ts";
import { durationMs } from "../../parser/duration.ts";
import { CHAIN_FLAG, CLUSTER_FLAG, EXPORT_FLAG } from "../../parser/flags.ts";
import { required } from "../../parser/required.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";
import { replicaSource } from "../../snapshots/replica_source.ts";
import type { Terminal } from "../../terminal.ts";
import type { Epoch } from "../../../wire/epochs/mod.ts";

const FLAGS = {
  ...CLUSTER_FLAG,
  ...CHAIN_FLAG,
  ...READ_TOKEN_FLAG,
  "from": { value: "NAME", help: "save: the member whose state is saved (the first that gives it)" },
  "timeout": { value: "TIME", help: "save: how long one answer may take (30s)" },
  "sequence": {
    value: "NUMBER",
    help: "verify, restore, audit: the snapshot of this number (the newest; audit: none)",
  },
  "name": { value: "NAME", help: "restore: the member that lost its disk" },
  "state": { value: "FILE", isFile: true, help: "restore: its SQLite file, which must not exist" },
  "new": {
    help: "restore: the member of a new cluster that begins with this snapshot; it has never run anywhere",
    isLocal: true,
  },
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
    { name: "ACTION", help: "save, verify, restore, prune or audit", choices: Object.keys(ACTIONS) },
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
  const kept = await KeptChain.open(found, values.chain);
  terminal.progress("asking the members…");
  await keepIn(kept, (await followMembers(kept.followed)).links, terminal);
  const token = readToken(values["read-token-file"]);
  const timeoutMs = values.timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs("--timeout", values.timeout);
  const { genesis: { replicas }, urls } = kept.present;
  const names = values.from === undefined ? replicas.map(({ name }) => name) : [memberOf(kept.present, values.from)];
  const refusals: string[] = [];
  let saved: SavedSnapshot | null = null;
  let from = "";
  for (const name of names) {
    try {
      saved = await saveSnapshot(replicaSource({ url: urls[name]!, token, timeoutMs }), folderStorage(folder), {
        genesis: found.cluster.genesis,
        chain: kept.links,
        onProgress: ({ blobs, bytes }) => terminal.progress(`${name}: ${blobs} blobs, ${bytesText(bytes)}…`),
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
  await keepIn(kept, saved.chain, terminal);
  const { sequence, root, epoch, fetched } = saved;
  return {
    text: `saved the state at ${sequence}${epochText(epoch)} of ${from}: ${fetched.blobs} new blobs, ${
      bytesText(fetched.bytes)
    }`,
    json: { sequence, root, epoch, from, ...fetched },
  };
}

async function verify({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const trust = await trusted(values);
  terminal.progress("reading…");
  const verified = await verifySnapshot(folderStorage(folder), { ...trust, ...chosen(values.sequence) });
  const { sequence, root, epoch, agreedTime, blobs, bytes, certificate } = verified;
  const signers = certificate.map(({ message }) => epoch.genesis.replicas[message.replica]!.name);
  const proof = signers.length > 0 ? `signed by ${signers.join(", ")}` : `the epoch starts with it`;
  const time = new Date(agreedTime).toISOString();
  return {
    text: `the state at ${sequence}${epochText(epoch.number)}, of ${time}, is complete: ${blobs} blobs, ${
      bytesText(bytes)
    }; ${proof}`,
    json: { sequence, root, epoch: epoch.number, agreedTime, blobs, bytes, signers },
  };
}

async function restore({ values, terminal }: Call<typeof FLAGS>, folder: string) {
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
  const store = await SqliteStore.open(file);
  try {
    const { sequence, root, blobs, bytes } = await restoreSnapshot(folderStorage(folder), store, self, options);
    return {
      text: `${file} has the state at ${sequence}, ${bytesText(bytes)}: start ${name} as usual, without --start; ` +
        "it recovers what is newer, and votes when that is safe",
      json: { sequence, root, name, state: file, blobs, bytes },
    };
  } finally {
    await store.close();
  }
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
) {
  const name = memberOf({ genesis, number: 0 }, asked);
  const self = replicaId(genesis.replicas.findIndex((member) => member.name === name));
  if (!genesis.origin) {
    throw new SnapshotError("genesis.origin: expected a state with which the cluster begins, got none");
  }
  if (exists(path)) {
    throw new CliError(`${path}: exists already`, EXIT.usage, { next: "--new is for a member that never ran" });
  }
  terminal.progress("restoring…");
  await verifyState(folderStorage(folder), genesis.origin);
  const store = await SqliteStore.open(path);
  try {
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
  } finally {
    await store.close();
  }
}

async function prune({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const keep = natural("--keep", required(values.keep, "keep"), { min: 1, max: 1_000_000 });
  terminal.progress("reading…");
  const { snapshots, blobs } = await pruneSnapshots(folderStorage(folder), keep);
  return { text: `removed ${snapshots} snapshots and ${blobs} blobs`, json: { snapshots, blobs } };
}

async function auditPast({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const trust = await trusted(values);
  const machine = values.machine === undefined ? undefined : await loadMachine(values.machine, values.export);
  const { from, through, compared, ended, history } = await audit({
    ...trust,
    stateMachine: machine?.machines ?? (() => new KeyValue()),
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
    text: `executed ${from} to ${through} again; the state is that of ${compared.length} snapshots on the way${
      ended.length > 0 ? `, and of the ends of ${ended.length} epochs` : ""
    }`,
    json: { from, through, compared, ended, history },
  };
}

function chosen(sequence: string | undefined): { readonly sequence?: number } {
  return sequence === undefined ? {} : { sequence: natural("--sequence", sequence, { max: 2 ** 53 - 1 }) };
}

/** The genesis, and the chain as far as it is known here. Nobody is asked. */
async function trusted({ cluster, chain }: Call<typeof FLAGS>["values"]): Promise<Required<Trust>> {
  const found = await findCluster(cluster);
  const { links } = await KeptChain.openKnown(found, chain);
  return { genesis: found.cluster.genesis, chain: links };
}

function memberOf({ genesis, number }: Pick<Epoch, "genesis" | "number">, name: string): string {
  const names = genesis.replicas.map((member) => member.name);
  if (names.includes(name)) return name;
  throw new CliError(`${name}: no such member; the members${epochText(number)} are ${names.join(", ")}`, EXIT.usage);
}

function epochText(epoch: number): string {
  return epoch === 0 ? "" : ` in epoch ${epoch}`;
}

function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
