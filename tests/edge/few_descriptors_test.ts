/** A replica under Node with few descriptors. */
import { assert, assertEquals } from "@std/assert";
import { head, RawConnection } from "../http/raw_connection.ts";
import { clusterOfOne } from "../tools/cluster_of_one.ts";
import { linesOf } from "../tools/lines.ts";
import { freePort } from "../tools/ports.ts";
import { bundleForNode } from "./_bundle.ts";

const LIMIT = 64;
/** What the process needs itself is less than half of them. */
const ROOM = LIMIT / 2;

Deno.test({
  name: `under Node ${LIMIT} descriptors leave room for ${ROOM} connections, and further ones are reported`,
  ignore: Deno.build.os === "windows",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/main.mjs`, await bundleForNode("tests/edge/_few_descriptors_main.ts"));
    const { cluster: { genesis }, ...own } = clusterOfOne();
    const url = `http://127.0.0.1:${freePort()}`;
    const order = JSON.stringify({ ...own, cluster: { genesis, urls: { Apple: url } } });
    const child = new Deno.Command("sh", {
      args: ["-c", `ulimit -n ${LIMIT}; exec node "$@"`, "sh", `${folder}/main.mjs`, order],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    using held = new DisposableStack();
    try {
      const lines = linesOf(child.stdout)[Symbol.asyncIterator]();
      const next = async (start: string) => {
        for (;;) {
          const { value, done } = await lines.next();
          if (done) throw new Error(`expected a line with ${start}, got the end`);
          if (value.startsWith(start)) return value;
        }
      };
      await next("ready");
      const open = async () => held.use(await RawConnection.open(url));
      const request = async () => {
        const connection = await open();
        const operation = '{"clientID":"ada","operation":"INCR n"}';
        await connection.send(
          head("/req", "Content-Type: application/json", `Content-Length: ${operation.length}`) + operation,
        );
        return await connection.status();
      };
      for (let i = 1; i < ROOM; i++) await open();
      assertEquals(await request(), 200);
      // Idle ones are closed after a while. On a slow machine that may come between.
      for (let i = 0; await request() !== null; i++) assert(i < 10 * ROOM, "none was cut");
      const told = await next("accept-failed");
      assert(told.includes(`${ROOM} connections`), told);
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
