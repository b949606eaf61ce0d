import { assertEquals, assertThrows } from "@std/assert";
import process from "node:process";
import { ChildReplica } from "../../src/cli/local_cluster/child_replica.ts";

/** Runs `work` while signals to processes fail with this code. */
function whileSignalsFail(code: string, work: () => void): void {
  const { kill } = process;
  process.kill = () => {
    throw Object.assign(new Error(`kill ${code}`), { code });
  };
  try {
    work();
  } finally {
    process.kill = kill;
  }
}

Deno.test("a replica that has ended and has not been heard of yet takes no signal, and is stopped all the same", async () => {
  const replica = new ChildReplica({
    name: "Apple",
    url: "http://127.0.0.1:9",
    args: ["--help"],
    folder: ".",
    onLine: () => {},
  });
  let stopped = Promise.resolve();
  whileSignalsFail("ESRCH", () => {
    replica.pause();
    replica.resume();
    replica.kill();
    stopped = replica.stop(60_000);
  });
  whileSignalsFail("EPERM", () => void assertThrows(() => replica.resume(), Error, "EPERM"));
  await stopped;
  assertEquals(await replica.ended, "exit code 0");
  assertEquals(replica.isAlive, false);
});
