/**
 * `snapshot`: saves, verifies, restores, prunes and audits snapshots in a folder.
 * @module
 */
import { migrateSnapshot } from "../../../snapshot/migration/migrate.ts";
import { pruneSnapshots } from "../../../snapshot/prune.ts";
import { clusterIn, saveSnapshot } from "../../../snapshot/save.ts";
import { SnapshotError } from "../../../snapshot/snapshot_error.ts";
import { folderStorage } from "../../../snapshot/storage/folder.ts";
import { verifySnapshot } from "../../../snapshot/verify.ts";
import { READ_TOKEN_FLAG, readToken } from "../../check/read_token.ts";
import { CliError, EXIT, isSystemError, reasonOf } from "../../cli_error.ts";
import { findCluster } from "../../find_cluster.ts";
import { loadSafely } from "../../machine/load_safely.ts";
import { sayForks } from "../../check/forks.ts";
import { keepIn, KeptChain } from "../../members/kept_chain.ts";
import { followMembers } from "../../members/follow.ts";
import { natural } from "../../numbers.ts";
import { durationMs } from "../../parser/duration.ts";
import { CHAIN_FLAG, CLUSTER_FLAG, EXPORT_FLAG } from "../../parser/flags.ts";
import { required } from "../../parser/required.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";
import { auditPast } from "../../snapshots/audit.ts";
import { saveFromOneOf } from "../../snapshots/choose_member.ts";
import { chosen, trusted } from "../../snapshots/choice.ts";
import { replicaSource } from "../../snapshots/replica_source.ts";
import { restore } from "../../snapshots/restore.ts";
import { bytesText, epochText, memberOf } from "../../snapshots/words.ts";

const FLAGS = {
  ...CLUSTER_FLAG,
  ...CHAIN_FLAG,
  ...READ_TOKEN_FLAG,
  "from": { value: "NAME", help: "save: the member whose state is saved (the first that gives it)" },
  "timeout": { value: "TIME", help: "save: how long one answer may take (30s)" },
  "repair": {
    help: "save: also read what the folder has of this state, and fetch again what is missing or damaged",
    isLocal: true,
  },
  "sequence": {
    value: "NUMBER",
    help: "verify, restore, migrate, audit: the snapshot of this number (the newest; audit: none)",
  },
  "name": { value: "NAME", help: "restore: the member that lost its disk" },
  "state": { value: "FILE", isFile: true, help: "restore: its SQLite file, which must not exist" },
  "new": {
    help: "restore: the member of a new cluster that begins with this snapshot; it has never run anywhere",
    isLocal: true,
  },
  "keep": { value: "NUMBER", help: "prune: how many snapshots are kept" },
  "machine": {
    value: "FILE",
    isFile: true,
    help: "audit, migrate: the file that exports the state machine, with all its versions (key-value)",
  },
  "to": { value: "NAME/VERSION", help: "migrate: the version of the state machine", isLocal: true },
  ...EXPORT_FLAG,
} as const satisfies Flags;

type Action = (
  call: Call<typeof FLAGS>,
  folder: string,
) => Promise<{ readonly text: string; readonly json: Readonly<Record<string, unknown>> }>;

const ACTIONS: Readonly<Record<string, Action>> = { save, verify, restore, migrate, prune, audit: auditPast };

/** The verb. */
export const verb = defineVerb({
  about: `Saves the replicated state with the proof that the cluster agreed on it, and works with what was saved.

  save     saves the state of a running member's last stable checkpoint; only what the folder lacks is fetched
  verify   checks a snapshot wholly, without a network
  restore  fills the state file of a member that lost its disk; then start it as usual
  migrate  makes a state of another version of the machine from a snapshot, and saves it; a new cluster can begin with it
  prune    keeps the newest snapshots and removes the others
  audit    executes the archived batches in the folder again, and compares the state with the snapshots; the state is
           in a temporary file meanwhile`,
  args: [
    { name: "ACTION", help: "save, verify, restore, migrate, prune or audit", choices: Object.keys(ACTIONS) },
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
      if (error instanceof SnapshotError) {
        throw new CliError(error.message, EXIT.no, {
          looked: `looked in ${folder}`,
          ...(/^blob [0-9a-f]+:/.test(error.message) && {
            next: `pbft snapshot save ${folder} --repair fetches it again, if the members' present state still has it`,
          }),
        });
      }
      if (isSystemError(error)) throw new CliError(`${folder}: ${reasonOf(error)}`, EXIT.usage);
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
  const followed = await followMembers(kept.followed);
  sayForks(followed, terminal);
  await keepIn(kept, followed.links, terminal);
  const token = readToken(values["read-token-file"]);
  const timeoutMs = values.timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs("--timeout", values.timeout);
  const { genesis: { replicas }, urls } = kept.present;
  const names = values.from === undefined ? replicas.map(({ name }) => name) : [memberOf(kept.present, values.from)];
  const storage = folderStorage(folder);
  // Checked before a member is asked: a fault of the folder must not count as a member's fault.
  await clusterIn(storage);
  const trust = { genesis: found.cluster.genesis, chain: kept.links };
  const members = names.map((name) => ({ name, source: replicaSource({ url: urls[name]!, token, timeoutMs }) }));
  const { saved, from } = await saveFromOneOf(
    { members, trust, say: terminal.say },
    ({ name, source }, least) =>
      saveSnapshot(source, storage, {
        ...trust,
        least,
        repairs: values.repair ?? false,
        onProgress: ({ blobs, bytes }) => terminal.progress(`${name}: ${blobs} blobs, ${bytesText(bytes)}…`),
      }),
  );
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

async function migrate({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const trust = await trusted(values);
  const version = required(values.to, "to");
  const { machines: stateMachine } = await loadSafely(required(values.machine, "machine"), values.export);
  terminal.progress("migrating…");
  const choice = { ...trust, ...chosen(values.sequence), to: version, stateMachine };
  const { sequence, root, from, to, made } = await migrateSnapshot(folderStorage(folder), choice);
  return {
    text: `the state at ${sequence}, migrated from ${from} to ${to}, has the root ${root}: ${made.blobs} new blobs, ${
      bytesText(made.bytes)
    }; the origin of a genesis that begins with it names this root`,
    json: { sequence, root, from, to, ...made },
  };
}

async function prune({ values, terminal }: Call<typeof FLAGS>, folder: string) {
  const keep = natural("--keep", required(values.keep, "keep"), { min: 1, max: 1_000_000 });
  terminal.progress("reading…");
  const { snapshots, blobs } = await pruneSnapshots(folderStorage(folder), keep);
  return { text: `removed ${snapshots} snapshots and ${blobs} blobs`, json: { snapshots, blobs } };
}
