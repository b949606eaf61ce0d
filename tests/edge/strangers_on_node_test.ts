/** Strangers' bodies under Node, whose server hands them over in other ways than Deno's. */
import { assertEquals } from "@std/assert";
import { head, RawConnection } from "../http/raw_connection.ts";
import { bundleForNode } from "./_bundle.ts";
import { firstLine } from "./_first_line.ts";

const JSON_TYPE = "Content-Type: application/json";
const CBOR = "Content-Type: application/cbor";

Deno.test({
  name: "under Node neither tiny chunks, nor bodies that do not come, nor a page's own name get in anybody's way",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/main.mjs`, await bundleForNode("tests/edge/_stranger_main.ts"));
    const child = new Deno.Command("node", { args: [`${folder}/main.mjs`], stdout: "piped", stderr: "inherit" })
      .spawn();
    using held = new DisposableStack();
    try {
      const url = `http://127.0.0.1:${await firstLine(child.stdout)}`;
      const open = async () => held.use(await RawConnection.open(url));
      const operation = '{"clientID":"ada","operation":"INCR n"}';
      const request = async () => {
        const connection = await open();
        await connection.send(head("/req", JSON_TYPE, `Content-Length: ${operation.length}`) + operation);
        return await connection.status();
      };
      for (const [path, status] of [["/messages", 400], ["/req", 400], ["/nowhere", 404], ["/status", 405]] as const) {
        const connection = await open();
        await connection.send(head(path, path === "/req" ? JSON_TYPE : CBOR, "Transfer-Encoding: chunked"));
        const answer = connection.status();
        for (let i = 0; i < 40; i++) if (!await connection.send("1\r\na\r\n".repeat(1_000))) break;
        assertEquals([await answer, await request()], [status, 200], path);
      }
      const deep = `{"clientID":"ada","operation":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`;
      const tooDeep = await open();
      await tooDeep.send(head("/req", JSON_TYPE, `Content-Length: ${deep.length}`) + deep);
      assertEquals(await tooDeep.status(), 400);
      const late = await open();
      await late.send(head("/messages", CBOR, "Content-Length: 8388608"));
      await late.send(new Uint8Array(100_000));
      assertEquals([await late.status(), await request()], [408, 200]);
      const pipelined = await open();
      await pipelined.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(8));
      for (let i = 0; i < 8; i++) assertEquals(await pipelined.status(), 200);
      const greedy = await open();
      await greedy.send("GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(1_000));
      let answers = 0;
      while (await greedy.status() !== null) answers++;
      assertEquals([answers < 1_000, await request()], [true, 200], `${answers} of 1,000 requests were answered`);
      const page = await open();
      await page.send("GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n");
      assertEquals(await page.status(), 421);
      // Last: a server has room for so many connections only, until the time of these bodies is over.
      for (let i = 0; i < 1_100; i++) {
        const connection = await open();
        await connection.send(head("/req", JSON_TYPE, "Content-Length: 1000") + "{");
      }
      let status: number | null = null;
      for (const began = Date.now(); status === null && Date.now() < began + 30_000;) status = await request();
      assertEquals(status, 200);
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
