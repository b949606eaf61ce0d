import { assertEquals, assertGreater } from "@std/assert";
import { fileURLToPath } from "node:url";
import { filesUnder, root } from "./files.ts";

Deno.test("a copy of a page that another test has beside it for a while is none of the project's files", () => {
  const before = filesUnder("docs", ".md");
  assertGreater(before.length, 0);
  const copy = Deno.makeTempFileSync({ dir: fileURLToPath(new URL("docs/", root)), prefix: ".copy-", suffix: ".md" });
  try {
    assertEquals(filesUnder("docs", ".md"), before);
  } finally {
    Deno.removeSync(copy);
  }
});
