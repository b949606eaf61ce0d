/** What a page loads with the client. */
import { assert, assertEquals } from "@std/assert";
// deno-lint-ignore no-import-prefix -- a tool of this repository only
import { build, type Metafile, stop } from "npm:esbuild@0.25.12";
import { root } from "../tools/files.ts";

/** Pages, and how much they may load before their first request, gzipped bytes. */
const PAGES = [
  {
    name: "a client",
    mostBytes: 20_480,
    contents: `
    import { Client, parseClusterText } from "./src/client/mod.ts";
    const client = new Client({ cluster: parseClusterText(await (await fetch("cluster.json")).text()) });
    console.log(await client.invoke("INCR n"), await client.query("GET n"));`,
  },
  {
    name: "a typed client",
    mostBytes: 21_450,
    contents: `
    import { createClient, parseClusterText } from "./src/client/mod.ts";
    import type { Machine } from "./src/machines/typed/types.ts";
    declare const bank: Machine;
    const client = createClient(bank, { cluster: parseClusterText(await (await fetch("cluster.json")).text()) });
    console.log(await client.deposit({ amount: 5 }), await client.balance());`,
  },
];

/** What only some pages use. It is loaded when it is used first. */
const LATER = ["client/watch/tally.ts", "client/epochs/following.ts", "wire/epochs/link.ts", "wire/messages/kinds.ts"];

async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

/** The files that the entry imports, directly or not. What it imports later is not among them. */
function loadedFirst({ outputs }: Metafile): Set<string> {
  const entry = Object.keys(outputs).find((path) => path.endsWith("/stdin.js"))!;
  const loaded = new Set([entry]);
  for (const path of loaded) {
    for (const { path: imported, kind } of outputs[path]!.imports) {
      if (kind === "import-statement") loaded.add(imported);
    }
  }
  return loaded;
}

for (const { name, mostBytes, contents } of PAGES) {
  Deno.test({
    name: `a page with ${name} loads at most ${mostBytes} bytes, gzipped, before it needs more`,
    // The bundler is a process.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const folder = `${root.pathname}.out`;
      const { metafile, outputFiles } = await build({
        stdin: { contents, resolveDir: root.pathname, loader: "ts" },
        absWorkingDir: root.pathname,
        outdir: folder,
        bundle: true,
        splitting: true,
        minify: true,
        write: false,
        metafile: true,
        format: "esm",
        platform: "browser",
        target: "es2022",
        legalComments: "none",
      });
      await stop();
      const loaded = loadedFirst(metafile);
      let bytes = 0;
      for (const file of outputFiles) {
        if (loaded.has(file.path.slice(root.pathname.length))) {
          bytes += await gzipped(file.contents as Uint8Array<ArrayBuffer>);
        }
      }
      assert(bytes > 5_000 && bytes <= mostBytes, `${bytes} bytes gzipped, in ${loaded.size} files`);
      const all = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
      assertEquals(
        LATER.filter((later) => !all.some((path) => path.endsWith(later))),
        [],
        "there is no such file any more",
      );
      const first = [...loaded].flatMap((path) => Object.keys(metafile.outputs[path]!.inputs));
      assertEquals(first.filter((path) => LATER.some((later) => path.endsWith(later))), []);
    },
  });
}
