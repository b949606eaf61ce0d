/** The program that serves the pages of the examples. */
import { assertEquals, assertMatch } from "@std/assert";
import { root } from "../tools/files.ts";
import { inFolder } from "../tools/folder.ts";

Deno.test("a page whose port is taken, as by the page of another example, says so in a line", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/index.html`, "<p>");
    await Deno.writeTextFile(`${folder}/page.ts`, "export {};");
    const other = Deno.listen({ hostname: "localhost", port: 0 });
    try {
      const port = String((other.addr as Deno.NetAddr).port);
      const args = ["run", "-A", "--quiet", "--no-lock", "examples/pages/serve.ts", folder, "--port", port];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null" })
        .output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
      assertEquals([code, text(stdout)], [1, ""]);
      assertMatch(text(stderr), /^port \d+ is taken: .*--port.*--cors-origins$/);
    } finally {
      other.close();
    }
  }));
