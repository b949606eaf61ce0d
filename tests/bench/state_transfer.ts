/**
 * `deno task bench:transfer`: a new replica fetches a large state from three that have it, all of them processes with SQLite: how long
 * it takes, and how much memory both ends need.
 * @module
 */
import { parseArgs } from "node:util";
import { createCluster, replicaFiles } from "../../src/cli/local_cluster/data.ts";
import type { Checkpoint } from "../../src/core/messages/messages.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Record } from "../../src/core/records.ts";
import { StateTree } from "../../src/core/tree/state_tree.ts";
import { clusterId, createSigner, sha256 } from "../../src/crypto/mod.ts";
import { encodeOperation, KeyValue } from "../../src/machines/mod.ts";
import { sign } from "../../src/node/environment.ts";
import { RecordWriter, WriteSet } from "../../src/node/storage/record_writer.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";
import { type ClusterFile, pack } from "../../src/wire/mod.ts";
import { residentBytes } from "./proc.ts";
import { freePorts } from "../tools/ports.ts";
import { natural } from "../../src/cli/numbers.ts";
import { runCommand } from "../../src/cli/cli_error.ts";

const HELP =
  `Has a new replica fetch a state from three others, all processes of their own, and measures time and memory.

  deno task bench:transfer [options]

  --megabytes M   size of the state, in values of 1,000 characters (100)
  --seconds S     give up after so long (120)
  --help          print this`;

/** Far beyond the window of a replica that is new. */
const SEQUENCE = 640 as SequenceNumber;
const REPLICA = new URL("../../src/cli/commands/replica.ts", import.meta.url).pathname;
const POLL_MS = 100;
const SETTLE_MS = 2_000;

interface Part {
  readonly name: string;
  readonly child: Deno.ChildProcess;
  readonly url: string;
}

if (import.meta.main) await runCommand(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      megabytes: { type: "string", default: "100" },
      seconds: { type: "string", default: "120" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const megabytes = natural("--megabytes", values.megabytes, { min: 1, max: 10_000 });
  const maxSeconds = natural("--seconds", values.seconds, { min: 1 });
  const folder = await Deno.makeTempDir({ prefix: "transfer-" });
  const parts: Part[] = [];
  try {
    const ports = freePorts(4);
    const cluster = createCluster(folder, 4, (i) => `http://127.0.0.1:${ports[i]}`);
    const blobs = await writeStates(folder, cluster, megabytes);
    const names = cluster.genesis.replicas.map(({ name }) => name);
    for (const name of names.slice(0, 3)) parts.push(start(folder, cluster, name));
    for (const part of parts) await untilUp(part);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const before = parts.map(peakBytes);
    const began = performance.now();
    const late = start(folder, cluster, names[3]!);
    parts.push(late);
    await untilUp(late);
    const idle = peakBytes(late);
    const deadline = began + 1000 * maxSeconds;
    while ((await statusOf(late)).lastExecuted < SEQUENCE) {
      if (performance.now() > deadline) throw new Error(`not done after ${maxSeconds} s`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const seconds = (performance.now() - began) / 1000;
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
    console.log(`state: ${values.megabytes} MB of values, ${blobs.count} blobs, ${mb(blobs.bytes)}`);
    console.log(
      `fetched in ${seconds.toFixed(1)} s, the start of the process included: ${mb(blobs.bytes / seconds)}/s`,
    );
    console.log(`fetching replica: at most ${mb(peakBytes(late))} resident, ${mb(idle)} when it had started`);
    for (const [i, part] of parts.slice(0, 3).entries()) {
      console.log(`${part.name}, serving: at most ${mb(peakBytes(part))} resident, ${mb(before[i]!)} before`);
    }
    return 0;
  } finally {
    for (const { child } of parts) child.kill("SIGTERM");
    for (const { child } of parts) await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes to all states but the last what replicas have that made a checkpoint of such a state, which is stable. */
async function writeStates(folder: string, cluster: ClusterFile, megabytes: number) {
  const { genesis } = cluster;
  const id = clusterId(genesis);
  const machine = new KeyValue();
  for (let i = 0; i < megabytes * 1000; i++) {
    machine.execute(encodeOperation({ op: "set", key: `user:${i}`, value: String(i).padEnd(1000, "lorem ipsum ") }));
  }
  const tree = new StateTree({ hash: sha256, pack });
  const chunks = Array.from(machine.takeChanges(), ([chunk, bytes]) => [`m${chunk}`, bytes] as const);
  const meta = { sequence: SEQUENCE, history: "0".repeat(64) as Digest, agreedTime: 1 as Millis };
  const { root, blobs } = tree.seal(chunks, meta);
  const having = genesis.replicas.slice(0, 3);
  const certificate = having.map(({ name }, replica) => {
    const signer = createSigner(Deno.readTextFileSync(replicaFiles(folder, name).key).trim(), id);
    return sign<Checkpoint>(signer, {
      kind: "checkpoint",
      replica: replica as ReplicaId,
      sequence: SEQUENCE,
      digest: root,
    });
  });
  const records: readonly Record[] = [
    { kind: "blobs", blobs },
    { kind: "checkpoint", sequence: SEQUENCE, root, retired: [] },
    { kind: "stable", certificate },
  ];
  for (const [replica, { name, publicKey }] of having.entries()) {
    const store = await SqliteStore.open(replicaFiles(folder, name).state);
    const writes = new WriteSet();
    const writer = new RecordWriter({ accepted: new Map(), prepared: new Map(), committed: new Map() });
    writes.put("identity", [id, replica, publicKey]);
    for (const record of records) writer.write(record, writes);
    await store.commit(writes, 0);
    await store.close();
  }
  let bytes = 0;
  for (const blob of blobs.values()) bytes += blob.length;
  return { count: blobs.size, bytes };
}

function start(folder: string, { urls }: ClusterFile, name: string): Part {
  const { key, state } = replicaFiles(folder, name);
  const files = ["--cluster", `${folder}/cluster.json`, "--name", name, "--key", key, "--state", state];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", REPLICA, ...files],
    stdout: "null",
    stderr: "null",
    stdin: "null",
  }).spawn();
  return { name, child, url: urls[name]! };
}

async function untilUp(part: Part): Promise<void> {
  for (;;) {
    try {
      await statusOf(part);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

async function statusOf({ url }: Part): Promise<{ readonly lastExecuted: number }> {
  return await (await fetch(`${url}/status`)).json();
}

function peakBytes({ child }: Part): number {
  return residentBytes(child.pid, "VmHWM") ?? NaN;
}
