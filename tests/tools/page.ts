/**
 * `deno task page`: bundles the page into `src/page/assets.ts`, which the package contains. With `--check` it only compares. With
 * `--simulator` it also bundles the simulator for browsers into `src/page/simulator.js`, which is in the packages and not in the repository.
 * @module
 */
// deno-lint-ignore no-import-prefix -- a tool of this repository only
import { build, stop } from "npm:esbuild@0.25.12";
// deno-lint-ignore no-import-prefix -- likewise
import { minify } from "npm:terser@5.44.1";
import { bundledSimulator } from "../../src/cli/page/simulator.ts";
import { shared } from "./shared.ts";

const OUTPUT = new URL("../../src/page/assets.ts", import.meta.url);

/** The text of `src/page/assets.ts` as it should be. */
export async function assets(): Promise<string> {
  const here = (name: string) => new URL(`../../page/${name}`, import.meta.url).pathname;
  const options = {
    bundle: true,
    minify: true,
    write: false,
    legalComments: "none",
    target: "es2022",
    charset: "utf8",
  } as const;
  const script = await build({ ...options, entryPoints: [here("main.ts")], format: "esm" });
  const style = await build({ ...options, entryPoints: [here("page.css")] });
  await stop();
  const html = await Deno.readTextFile(here("index.html"));
  // Half a kilobyte less than esbuild alone, gzipped.
  const smaller = await minify(script.outputFiles[0]!.text, { module: true, compress: { passes: 2 } });
  const files = {
    HTML: html.replace(/>\s+</g, "><").trim(),
    SCRIPT: smaller.code!,
    STYLE: style.outputFiles[0]!.text,
  };
  const lines = Object.entries(files).map(([name, text]) =>
    `/** See page.ts. */\nexport const ${name}: string = ${JSON.stringify(text)};\n`
  );
  const head =
    "// deno-fmt-ignore-file -- made by `deno task page` from the sources in page/\n/**\n * The files of the live page.\n * @module\n */\n\n";
  return head + lines.join("\n");
}

/** The text of `src/page/simulator.js` in the packages: smaller than what a checkout bundles when a page asks for it. */
export function packagedSimulator(): Promise<string> {
  return shared("packaged simulator", async () => {
    const { code } = await minify((await bundledSimulator())!, { module: true, compress: { passes: 2 } });
    return code!;
  });
}

if (import.meta.main) {
  const text = await assets();
  if (!Deno.args.includes("--check")) await Deno.writeTextFile(OUTPUT, text);
  else if (text !== await Deno.readTextFile(OUTPUT)) {
    console.error("src/page/assets.ts is not current: run `deno task page`");
    Deno.exit(1);
  }
  if (Deno.args.includes("--simulator")) {
    await Deno.writeTextFile(new URL("simulator.js", OUTPUT), await packagedSimulator());
  }
}
