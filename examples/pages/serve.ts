/**
 * Bundles a page of the examples and serves it, with the cluster file beside it. With `--out` it writes the files into a folder, for any server of
 * files; the cluster file must be put there, and must not be cached.
 *
 *     deno run -A --no-lock examples/pages/serve.ts examples/browser [--cluster .pbft/cluster.json] [--port 8000] [--out FOLDER]
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

const shared = new URL(".", import.meta.url);

/** Runs `deno bundle`. @throws {Error} with what it says. */
async function bundle(folder: string, module: string): Promise<string> {
  const output = await Deno.makeTempFile({ suffix: ".js" });
  try {
    // In the page's own folder, where the imports of this repository hold.
    const args = ["bundle", "--quiet", "--no-lock", "--minify", "--platform", "browser", "--output", output, module];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder, stdout: "null" }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readTextFile(output);
  } finally {
    await Deno.remove(output);
  }
}

/** The files of a page by their names: its `index.html`, its bundled `page.ts`, and the style that the pages share. */
export async function filesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const [html, script, style] = await Promise.all([
    Deno.readTextFile(`${folder}/index.html`),
    bundle(folder, "page.ts"),
    Deno.readTextFile(new URL("style.css", shared)),
  ]);
  return new Map([["index.html", html], ["main.js", script], ["style.css", style]]);
}

const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };

/**
 * Answers requests for the files, and for the cluster file as it is now. Nothing is to be kept by a cache: a cluster file of yesterday names keys
 * of yesterday.
 */
export function handlerOf(files: ReadonlyMap<string, string>, clusterFile: string): (request: Request) => Response {
  return (request) => {
    const name = new URL(request.url).pathname.slice(1) || "index.html";
    const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
    const file = files.get(name);
    if (file !== undefined) {
      const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain";
      return new Response(file, { headers: { ...headers, "content-type": `${type}; charset=utf-8` } });
    }
    if (name !== "cluster.json") return new Response("not found\n", { status: 404, headers });
    try {
      const text = Deno.readTextFileSync(clusterFile);
      return new Response(text, { headers: { ...headers, "content-type": "application/json" } });
    } catch {
      return new Response(`no file ${clusterFile}\n`, { status: 404, headers });
    }
  };
}

if (import.meta.main) {
  const { values, positionals: [folder] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      cluster: { type: "string", default: ".pbft/cluster.json" },
      port: { type: "string", default: "8000" },
      out: { type: "string" },
    },
  });
  if (folder === undefined) {
    console.error(`usage: ${fileURLToPath(import.meta.url)} FOLDER [--cluster FILE] [--port PORT] [--out FOLDER]`);
    Deno.exit(2);
  }
  const files = await filesOf(folder);
  if (values.out !== undefined) {
    await Deno.mkdir(values.out, { recursive: true });
    for (const [name, text] of files) await Deno.writeTextFile(`${values.out}/${name}`, text);
    console.log(`${values.out}: ${[...files.keys()].join(", ")}. Put the cluster file there, as cluster.json`);
  } else {
    try {
      const server = { hostname: "localhost", port: Number(values.port), onListen: () => {} };
      Deno.serve(server, handlerOf(files, values.cluster));
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      // A replica that is to serve the page was told its origin, which names the port.
      console.error(
        `port ${values.port} is taken: stop the other page, or take another port here (--port) and in --cors-origins`,
      );
      Deno.exit(1);
    }
    console.log(`open http://localhost:${values.port}`);
  }
}
