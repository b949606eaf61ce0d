import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import {
  clusterPath,
  createCluster,
  deleteCluster,
  readCluster,
  replicaFiles,
} from "../../src/cli/local_cluster/data.ts";
import { lockFolder } from "../../src/cli/local_cluster/lock.ts";
import { MAX_REPLICAS } from "../../src/cli/local_cluster/member_names.ts";
import { findCluster } from "../../src/cli/find_cluster.ts";
import { createSigner } from "../../src/crypto/mod.ts";
import { digest } from "../../src/core/messages/ids.ts";

const urlOf = (index: number) => `http://127.0.0.1:${2000 + index}`;

function inFolder(title: string, test: (folder: string) => void | Promise<void>): void {
  Deno.test(title, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "pbft-" });
    try {
      await test(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

inFolder("a cluster that was made is read back, and each key is its member's", (folder) => {
  const cluster = createCluster(folder, 5, urlOf);
  assertEquals(readCluster(folder), cluster);
  assertEquals(cluster.genesis.replicas.map(({ name }) => name), ["Apple", "Ball", "Candy", "Dog", "Elk"]);
  for (const { name, publicKey } of cluster.genesis.replicas) {
    const key = Deno.readTextFileSync(replicaFiles(folder, name).key).trim();
    assertEquals(createSigner(key, digest("0".repeat(64))).publicKey, publicKey);
    assertEquals(Deno.statSync(replicaFiles(folder, name).key).mode! & 0o777, 0o600);
  }
});

inFolder("the chain of epochs of a former cluster goes with it", (folder) => {
  createCluster(folder, 4, urlOf);
  Deno.writeTextFileSync(`${folder}/chain.json`, "{}");
  deleteCluster(folder);
  assertThrows(() => Deno.statSync(`${folder}/chain.json`), Deno.errors.NotFound);
  Deno.writeTextFileSync(`${folder}/chain.json`, "{}");
  createCluster(folder, 4, urlOf);
  assertThrows(() => Deno.statSync(`${folder}/chain.json`), Deno.errors.NotFound);
});

inFolder("every number of replicas that is offered makes a cluster file that can be read", (folder) => {
  for (let n = 4; n <= MAX_REPLICAS; n++) {
    const cluster = createCluster(`${folder}/${n}`, n, urlOf);
    assertEquals(readCluster(`${folder}/${n}`), cluster);
    const { checkpointInterval, logWindow } = cluster.genesis;
    assertEquals([checkpointInterval, logWindow], n <= 18 ? [64, 256] : n <= 25 ? [32, 128] : [16, 64]);
  }
});

inFolder("a cluster file with a byte order mark before it is read", (folder) => {
  const cluster = createCluster(folder, 4, urlOf);
  Deno.writeTextFileSync(clusterPath(folder), "\ufeff" + Deno.readTextFileSync(clusterPath(folder)));
  assertEquals(readCluster(folder), cluster);
});

inFolder("where no cluster was made there is none", (folder) => assertEquals(readCluster(folder), null));

inFolder("half a cluster, left by a first run that was cut short, is made anew", (folder) => {
  createCluster(folder, 4, urlOf);
  Deno.removeSync(clusterPath(folder));
  assertEquals(readCluster(folder), null);
  assertEquals(createCluster(folder, 4, urlOf).genesis.replicas.length, 4);
});

inFolder("states without their cluster file are not overwritten", (folder) => {
  createCluster(folder, 4, urlOf);
  Deno.writeTextFileSync(replicaFiles(folder, "Candy").state, "state");
  Deno.removeSync(clusterPath(folder));
  assertThrows(() => createCluster(folder, 4, urlOf), CliError, "has the state of Candy but no cluster.json");
});

inFolder("a cluster file that is damaged is an error, not a new cluster", (folder) => {
  for (const text of ["", "{", "{}", '{"genesis":{},"urls":{}}']) {
    Deno.writeTextFileSync(clusterPath(folder), text);
    assertThrows(() => readCluster(folder), CliError, "not a cluster file");
  }
});

inFolder("deleting a cluster leaves what is not its own", (folder) => {
  createCluster(folder, 4, urlOf);
  Deno.writeTextFileSync(`${folder}/notes.txt`, "mine");
  Deno.writeTextFileSync(`${folder}/Ball/photo.jpg`, "mine too");
  Deno.writeTextFileSync(replicaFiles(folder, "Apple").state, "state");
  Deno.writeTextFileSync(`${replicaFiles(folder, "Apple").state}-wal`, "log");
  deleteCluster(folder);
  const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assertEquals(left, ["Ball", "notes.txt"]);
  assertEquals([...Deno.readDirSync(`${folder}/Ball`)].map(({ name }) => name), ["photo.jpg"]);
});

inFolder("a folder that can't be made is an error that says why", async (folder) => {
  Deno.writeTextFileSync(`${folder}/file`, "");
  await assertRejects(() => lockFolder(`${folder}/file/data`), CliError, "data folder");
});

inFolder("a folder is that of a cluster on disk, or in memory; what has neither is told of both", async (folder) => {
  const { message, exitCode } = await assertRejects(() => findCluster(folder), CliError);
  assertEquals(
    [message, exitCode],
    [
      `${folder}: no cluster file: expected ${folder}/cluster.json, or ${folder}/memory/cluster.json of a cluster in memory`,
      2,
    ],
  );
  const nobody = (index: number) => `http://127.0.0.1:${1 + index}`;
  const inMemory = createCluster(`${folder}/memory`, 4, nobody);
  assertEquals(await findCluster(`${folder}/`), { source: `${folder}/memory/cluster.json`, cluster: inMemory });
  const onDisk = createCluster(folder, 4, nobody);
  assertEquals(await findCluster(folder), { source: `${folder}/cluster.json`, cluster: onDisk });
});

inFolder(
  "whoever names the file of a cluster in memory where one on disk has it is told where it is",
  async (folder) => {
    createCluster(`${folder}/memory`, 4, (index) => `http://127.0.0.1:${1 + index}`);
    const { lines } = await assertRejects(() => findCluster(`${folder}/cluster.json`), CliError);
    assertEquals(lines.next, `the cluster that was started with --memory is in ${folder}/memory/cluster.json`);
  },
);

Deno.test("a cluster file that cannot be fetched is told with the reason", async () => {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => new Response());
  const url = `http://127.0.0.1:${server.addr.port}/cluster.json`;
  await server.shutdown();
  const { message, exitCode } = await assertRejects(() => findCluster(url), CliError);
  // It may be there later: whoever starts replicas may try again.
  assertEquals(exitCode, 3);
  assertMatch(message, /^http:\S+: no connection: .*refused/);
});
