/** `--open`: the browser gets the link whole, and where there is none nothing happens. */
import { assertEquals } from "@std/assert";
import { inFolder } from "../tools/folder.ts";

const OPEN = new URL("../../src/cli/page/open.ts", import.meta.url).href;
const LINK = "http://127.0.0.1:1110/#seed=7&profile=byzantine&at=1204";

/** A program that opens a link, and is done once a browser may have it. */
async function openWith(path: string): Promise<{ readonly code: number; readonly err: string }> {
  const program = `import { openInBrowser } from ${JSON.stringify(OPEN)};
openInBrowser(${JSON.stringify(LINK)});
await new Promise((resolve) => setTimeout(resolve, 100));`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program],
    env: { PATH: path, NO_COLOR: "1" },
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "the browser gets the link whole, and where there is none nothing happens",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      assertEquals(await openWith(folder), { code: 0, err: "" });
      await Deno.writeTextFile(
        `${folder}/xdg-open`,
        `#!/bin/sh\necho "$1" > ${folder}/new\n/bin/mv ${folder}/new ${folder}/opened\n`,
      );
      await Deno.chmod(`${folder}/xdg-open`, 0o755);
      assertEquals(await openWith(folder), { code: 0, err: "" });
      let opened: string | null = null;
      for (const end = Date.now() + 20_000; opened === null && Date.now() < end;) {
        opened = await Deno.readTextFile(`${folder}/opened`).catch(() => null);
        if (opened === null) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals(opened, `${LINK}\n`);
    }),
});
