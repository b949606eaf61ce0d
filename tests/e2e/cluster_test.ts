import { assert, assertEquals, assertMatch } from "@std/assert";
import { clusterPath, createCluster, replicaFiles } from "../../src/cli/local_cluster/data.ts";
import { CLUSTER, ClusterProcess, Command, eventually, failingCluster, isAlive, REPLICA } from "./_cluster_process.ts";
import { inFolder } from "../tools/folder.ts";

/** One folder, and the clusters that run on it one after another: each start takes seconds of a core, so it serves several steps. */
Deno.test("the life of a cluster", async (t) => {
  await inFolder(async (folder) => {
    let cluster = await ClusterProcess.start(folder);
    const step = (title: string, test: () => Promise<void>) =>
      t.step(title, async () => {
        try {
          await test();
        } catch (error) {
          console.error([...cluster.command.out.all, ...cluster.command.err.all].join("\n"));
          throw error;
        }
      });
    const incr = async (name: string, timestamp: number) => {
      const { status, result } = await cluster.req(name, { clientID: "ada", timestamp, operation: "INCR n" });
      return [status, result];
    };
    try {
      await step("a first run makes keys that only their owner can read, and four replicas that agree", async () => {
        assertEquals(cluster.names, ["Apple", "Ball", "Candy", "Dog"]);
        for (const name of cluster.names) {
          assertEquals(Deno.statSync(`${folder}/${name}/key`).mode! & 0o777, 0o600);
          assert(Deno.statSync(`${folder}/${name}/state.db`).isFile);
        }
        assert(cluster.command.out.all.some((line) => line.includes(`curl ${cluster.url("Apple")}/req`)));
        for (const [i, name] of cluster.names.entries()) {
          const set = { clientID: "eve", timestamp: i + 1, operation: `SET name ${name}` };
          const answer = await cluster.req(name, set);
          assertEquals([answer.status, answer.nodeID, answer.timestamp], [200, name, i + 1]);
          assert(answer.voters!.length >= 2, `${answer.voters}`);
        }
        // The same request again, at any replica: the same answer, and nothing runs twice.
        const again = { clientID: "eve", timestamp: 9, operation: "INCR once" };
        const answers = [];
        for (const name of cluster.names) answers.push(await cluster.req(name, again));
        assertEquals(answers.map(({ status, result }) => [status, result]), [[200, 1], [200, 1], [200, 1], [200, 1]]);
        assertEquals(new Set(answers.map(({ sequenceID }) => sequenceID)).size, 1);
        const get = { clientID: "bob", operation: { op: "get", key: "name" } };
        assertEquals((await cluster.req("Dog", get)).result, "Dog");
      });

      await step("Ctrl-C ends all of its processes, without an error", async () => {
        assertEquals(await cluster.interrupt(), 0);
        assertEquals(cluster.command.err.all, []);
        for (const pid of cluster.pids) assert(!isAlive(pid), `${pid} is left`);
      });

      await step("the data is there after Ctrl-C, also on other ports", async () => {
        cluster = await ClusterProcess.start(folder, ["--port", "0"]);
        assertEquals((await cluster.req("Ball", { clientID: "bob", operation: "GET name" })).result, "Dog");
      });

      let dog: Command | null = null;
      await step("with one backup killed requests go on; restarted, it catches up with no traffic", async () => {
        Deno.kill(cluster.pid("Dog"), "SIGKILL");
        await cluster.command.err.find(
          / ERROR Dog +the replica's process died \(SIGKILL\); it is not restarted without --restart {2}pid=\d+$/,
        );
        for (let i = 1; i <= 20; i++) assertEquals(await incr(cluster.names[i % 3]!, i), [200, i]);
        dog = cluster.startReplica("Dog");
        await dog.out.find(/ INFO {2}Dog +serving requests {2}url=http/);
        const { lastExecuted } = await cluster.status("Apple");
        await eventually("Dog has caught up", async () => (await cluster.status("Dog")).lastExecuted >= lastExecuted);
        assertEquals((await cluster.status("Dog")).history, (await cluster.status("Apple")).history);
        assertEquals(await incr("Dog", 20), [200, 20]);
      });

      await step("with the primary killed the others choose another, and requests go on", async () => {
        Deno.kill(cluster.pid("Apple"), "SIGKILL");
        for (let i = 21; i <= 25; i++) {
          let answer = await incr("Ball", i);
          while (answer[0] === 504) answer = await incr("Candy", i);
          assertEquals(answer, [200, i]);
        }
        assertEquals((await cluster.status("Ball")).primary !== "Apple", true);
        await cluster.command.out.find(/ INFO {2}Ball +a new view has started {2}view=\d+ primary=\w+ /);
      });
      // Whatever has failed, no process is left.
      (dog as Command | null)?.kill("SIGTERM");
      assertEquals(await (dog as Command | null)?.ended(), 0);
      await cluster.interrupt();

      await step("with --fresh the data is gone; with --restart a replica that dies is started again", async () => {
        cluster = await ClusterProcess.start(folder, ["--fresh", "--restart", "--port", "0"]);
        assertEquals((await cluster.req("Ball", { clientID: "bob", operation: "GET name" })).result, null);
        const before = cluster.pid("Candy");
        Deno.kill(before, "SIGKILL");
        await cluster.command.err.find(
          / ERROR Candy +the replica's process died \(SIGKILL\); it is restarted in \d+ ms {2}pid=\d+$/,
        );
        assertEquals(await incr("Apple", 1), [200, 1]);
        await eventually("another process serves Candy", () => cluster.pid("Candy") !== before);
        const { lastExecuted } = await cluster.status("Apple");
        await eventually("Candy has caught up", async () => {
          try {
            return (await cluster.status("Candy")).lastExecuted >= lastExecuted;
          } catch {
            return false;
          }
        });
      });

      await step("a launcher that is killed leaves no replica behind", async () => {
        const { urls } = cluster;
        cluster.command.kill("SIGKILL");
        await cluster.command.ended();
        await eventually("all replicas are gone", () => !cluster.pids.some(isAlive));
        // At once the next one can take its place, with the same data.
        cluster = await ClusterProcess.start(folder);
        assertEquals(await cluster.interrupt(), 0);
        assertEquals([...cluster.urls], [...urls]);
      });

      const forget = (name: string) => {
        for (const suffix of ["", "-wal", "-shm"]) {
          try {
            Deno.removeSync(`${folder}/${name}/state.db${suffix}`);
          } catch { /* it was not there */ }
        }
      };
      await step("a replica whose state file is gone recovers with nobody asking for anything", async () => {
        forget("Dog");
        cluster = await ClusterProcess.start(folder); // is ready when all are
        await cluster.command.out.find(/ INFO {2}Dog +recovered from a lost disk, and votes again {2}checkpoint=\d+$/);
        Deno.kill(cluster.pid("Ball"), "SIGKILL");
        assertEquals(await incr("Dog", 2), [200, 2]);
        await cluster.interrupt();
      });

      await step("more state files gone than f is an error", async () => {
        forget("Dog");
        forget("Ball");
        const { code, err } = await failingCluster(["--data", folder]);
        assertEquals(code, 1);
        assertMatch(err.join("\n"), /^error: .* has lost the states of Ball, Dog: more than the 1 /);
      });
    } finally {
      await cluster.interrupt();
    }
  });
});

Deno.test("a cluster of one: with --log json every line is an object; another --replicas and a damaged state file get one clear line", async () => {
  await inFolder(async (folder) => {
    const command = new Command(CLUSTER, ["--data", folder, "--port", "0", "--replicas", "1", "--log", "json"]);
    const [line] = await command.out.find(/^.*"event":"cluster-ready".*$/);
    await (await fetch(`${JSON.parse(line).url}/nowhere`)).body?.cancel();
    command.kill("SIGINT");
    assertEquals(await command.ended(), 0);
    const events = command.out.all.map((text) => JSON.parse(text));
    assertEquals(events.map(({ event }) => event), ["process-started", "serving", "cluster-ready", "stopped"]);
    for (const { time, level, replica, message } of events) {
      assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assertEquals([level, typeof message], ["info", "string"]);
      assert(["Apple", "cluster"].includes(replica));
    }
    const failing = await failingCluster(["--data", folder, "--replicas", "4", "--log", "json"]);
    assertEquals([failing.code, failing.err.length], [1, 1]);
    const { level, event, message } = JSON.parse(failing.err[0]!);
    assertEquals([level, event], ["error", "failed"]);
    assertMatch(message, /holds a cluster of 1/);
    // Its members can't change.
    const text = await failingCluster(["--data", folder, "--replicas", "4"]);
    assertEquals([text.code, text.out, text.err.length], [1, [], 1]);
    assertMatch(text.err[0]!, /holds a cluster of 1 replicas, .*--fresh/);
    // A damaged state file stops the start with one clear line.
    for (const suffix of ["-wal", "-shm"]) await Deno.remove(`${folder}/Apple/state.db${suffix}`).catch(() => {});
    Deno.writeTextFileSync(`${folder}/Apple/state.db`, "this is not a database, whatever its name says".repeat(200));
    const { code, err } = await failingCluster(["--data", folder]);
    assertEquals(code, 1);
    assertMatch(err[0]!, /^error: Apple: .*state\.db/);
    assertEquals(err.length, 2, err.join("\n"));
    assertMatch(
      err[1]!,
      / ERROR Apple +the replica's process died \(exit code 1\) before the cluster was ready {2}pid=\d+$/,
    );
  });
});

Deno.test("a cluster of one works in memory, and leaves no state behind", async () => {
  await inFolder(async (folder) => {
    const cluster = await ClusterProcess.start(folder, ["--replicas", "1", "--memory"]);
    assertEquals((await cluster.req("Apple", { clientID: "ada", operation: "INCR n" })).result, 1);
    const other = await failingCluster(["--data", folder, "--memory", "--port", "0"]);
    assertEquals([other.code, other.err.length], [1, 1]);
    assertMatch(other.err[0]!, /another cluster is running on it/);
    assertEquals(await cluster.interrupt(), 0);
    const next = await ClusterProcess.start(folder, ["--replicas", "1", "--memory"]);
    assertEquals((await next.req("Apple", { clientID: "ada", operation: "INCR n" })).result, 1);
    await next.interrupt();
  });
});

Deno.test("when the last replica has died, so has the cluster", async () => {
  await inFolder(async (folder) => {
    const cluster = await ClusterProcess.start(folder, ["--replicas", "1"]);
    Deno.kill(cluster.pid("Apple"), "SIGKILL");
    assertEquals(await cluster.command.ended(), 1);
  });
});

const failures: [title: string, args: string[], exitCode: number, line: RegExp][] = [
  ["an unknown option", ["--replica", "4"], 2, /Unknown option '--replica'/],
  ["an argument that is no option", ["start"], 2, /start/],
  ["an option without its value", ["--port"], 2, /--port/],
  ["two replicas", ["--replicas", "2"], 2, /--replicas: expected 4 to 26, or 1, got 2/],
  ["no replicas", ["--replicas", "0"], 2, /--replicas: expected 4 to 26, or 1, got 0/],
  ["too many replicas", ["--replicas", "27"], 2, /--replicas: expected 4 to 26, or 1, got 27/],
  ["half a replica", ["--replicas", "4.5"], 2, /--replicas: expected a whole number from 0 to \d+, got "4.5"/],
  ["an empty port", ["--port", ""], 2, /--port: expected a whole number from 0 to 65535, got ""/],
  ["a port in hexadecimal", ["--port", "0x50"], 2, /--port: expected a whole number from 0 to 65535, got "0x50"/],
  ["a port that fetch refuses", ["--port", "5060"], 2, /fetch refuses port 5060/],
  ["a port beyond the last", ["--port", "65534"], 2, /from 1024 to 65535, got 65536/],
  ["a privileged port", ["--port", "80"], 2, /from 1024 to 65535, got 80/],
  ["an unknown way to log", ["--log", "xml"], 2, /--log: expected text or json, got "xml"/],
  ["a restart without memory", ["--memory", "--restart"], 2, /--memory and --restart/],
];
for (const [title, args, exitCode, line] of failures) {
  Deno.test(`${title} gets one clear line and exit code ${exitCode}`, async () => {
    await inFolder(async (folder) => {
      const { code, out, err } = await failingCluster(["--data", `${folder}/data`, ...args]);
      assertEquals([code, out, err.length], [exitCode, [], 1], err.join("\n"));
      assertMatch(err[0]!, line);
      assertMatch(err[0]!, /^error: /);
    });
  });
}

Deno.test("a taken port gets one clear line", async () => {
  await inFolder(async (folder) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const { code, out, err } = await failingCluster(["--data", folder, "--replicas", "1", "--port", String(port)]);
    listener.close();
    assertEquals([code, out, err], [1, [], [`error: port ${port} is taken; choose others with --port`]]);
  });
});

Deno.test("a data folder that is none, or holds something else, gets one clear line", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    const file = await failingCluster(["--data", `${folder}/file`, "--port", "0"]);
    assertEquals([file.code, file.out, file.err.length], [1, [], 1], file.err.join("\n"));
    assertMatch(file.err[0]!, /^error: data folder .*file: /);
    Deno.writeTextFileSync(`${folder}/cluster.json`, '{"genesis": {}}');
    const other = await failingCluster(["--data", folder, "--port", "0"]);
    assertEquals([other.code, other.out, other.err.length], [1, [], 1], other.err.join("\n"));
    assertMatch(other.err[0]!, /not a cluster file: .*--fresh/);
    // A cluster of several places is not this command's: neither its URLs nor its keys.
    createCluster(`${folder}/elsewhere`, 4, (i) => `https://${i}.example`);
    const before = Deno.readTextFileSync(clusterPath(`${folder}/elsewhere`));
    for (const args of [[], ["--port", "0"], ["--fresh"]]) {
      const elsewhere = await failingCluster(["--data", `${folder}/elsewhere`, ...args]);
      assertEquals([elsewhere.code, elsewhere.out, elsewhere.err.length], [1, [], 1], elsewhere.err.join("\n"));
      assertMatch(elsewhere.err[0]!, /expected a cluster on this machine, .* got https:\/\/0.example/);
      assertEquals(Deno.readTextFileSync(clusterPath(`${folder}/elsewhere`)), before);
    }
  });
});

Deno.test("a replica with wrong options says so in one clear line, and leaves no state file", async () => {
  await inFolder(async (folder) => {
    const cluster = createCluster(folder, 4, (i) => `http://127.0.0.1:${2000 + i}`);
    await Deno.writeTextFile(`${folder}/short`, "abc");
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const right = { cluster: clusterPath(folder), name: "Apple", key: replicaFiles(folder, "Apple").key, port: "0" };
    const wrong: readonly [options: Record<string, string>, code: number, line: RegExp][] = [
      [
        { key: replicaFiles(folder, "Ball").key },
        2,
        new RegExp(`privateKey: expected the key of Apple, ${cluster.genesis.replicas[0]!.publicKey}`),
      ],
      [{ key: `${folder}/short` }, 2, /short: expected a private key of 64 lower-case hex digits, got 3 characters$/],
      [{ key: `${folder}/nowhere` }, 2, /nowhere: No such file/],
      [{ key: folder }, 2, /^error: /],
      [{ name: "Zebra" }, 2, /expected one of Apple, Ball, Candy, Dog or its number, got "Zebra"/],
      [{ cluster: replicaFiles(folder, "Apple").key }, 2, /expected a cluster file in JSON/],
      [{ cluster: `${folder}/nowhere.json` }, 2, /nowhere\.json: No such file/],
      [{ port: "" }, 2, /--port: expected a whole number from 0 to 65535, got ""/],
      [{ port: "0x50" }, 2, /--port: .*got "0x50"/],
      [{ port: "70000" }, 2, /--port: .*got "70000"/],
      [{ host: "" }, 2, /--host: expected a value, got nothing/],
      [{ port: String(port) }, 1, /the port is taken/],
    ];
    try {
      for (const [options, code, line] of wrong) {
        const values = Object.entries({ ...right, ...options }).map(([name, value]) => `--${name}=${value}`);
        const command = new Command(REPLICA, [...values, "--state", `${folder}/state.db`]);
        assertEquals(
          [await command.ended(), command.out.all, command.err.all.length],
          [code, [], 1],
          command.err.all.join("\n"),
        );
        assertMatch(command.err.all[0]!, line);
        assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("state")), []);
      }
    } finally {
      taken.close();
    }
  });
});

Deno.test("--help says what there is", async () => {
  const { code, out, err } = await failingCluster(["--help"]);
  assertEquals([code, err], [0, []]);
  for (const option of ["--replicas", "--port", "--data", "--memory", "--fresh", "--restart", "--help"]) {
    assert(out.some((line) => line.includes(option)), option);
  }
});
