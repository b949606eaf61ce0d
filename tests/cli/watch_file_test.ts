/** What `dev` takes for a changed source. */
import { assertEquals } from "@std/assert";
import { watchSources } from "../../src/cli/dev/watch_file.ts";
import { inFolder } from "../tools/folder.ts";

Deno.test("a change of a file beside the machine is told, what a package manager writes is not", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/bank.ts`, "1");
    const stop = new AbortController();
    const told = Promise.withResolvers<string>();
    watchSources(`${folder}/bank.ts`, stop.signal, told.resolve);
    try {
      await Deno.writeTextFile(`${folder}/package-lock.json`, "{}");
      // Last by its name: of two changes at once the first one by name would be told.
      await Deno.writeTextFile(`${folder}/zod_types.ts`, "2");
      assertEquals(await told.promise, "zod_types.ts");
    } finally {
      stop.abort();
    }
  }));
