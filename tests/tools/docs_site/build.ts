/**
 * `deno task docs`: the site of the documentation, in `.docs/site/`. It needs Node and npm, for VitePress.
 *
 *     deno task docs [--base /edge/]
 *
 * `--base`: the path below which the site will be served. The links of the built site are checked; one that leads nowhere is an error.
 * @module
 */
import { textOf } from "../files.ts";
import { folderFiles, isFile, readSite, removeFolder, root, run, write } from "./files.ts";
import { deadLinks } from "./links.ts";
import { livePage } from "./live_page.ts";
import { sidebarOf } from "./navigation.ts";
import { pagePath, pagesOf, stage } from "./stage.ts";

const { exports, version } = JSON.parse(textOf("deno.json")!) as {
  readonly exports: Readonly<Record<string, string>>;
  readonly version: string;
};
/** VitePress's own look, with a few rules more. */
const THEME = 'import "./theme.css";\nexport { default } from "vitepress/theme";\n';
const here = new URL(".", import.meta.url);
const work = new URL(".docs/work/", root);
const output = new URL(".docs/site/", root);

/** Builds the site. Returns the links that lead nowhere. */
async function build(base: string): Promise<string[]> {
  await install();
  for (const name of ["pages/", "dist/"]) await removeFolder(new URL(name, work));
  const pages = new URL("pages/", work);
  const reference = new URL("public/api/", pages);
  await writeReference(reference);
  const staged = stage((file) => isFile(new URL(file, reference)));
  for (const [path, text] of staged.pages) await write(new URL(path, pages), text);
  for (const [path, text] of staged.files) await write(new URL(`public/${path}`, pages), text);
  for (const [name, text] of await livePage(version)) await write(new URL(`public/live/${name}`, pages), text);
  await writeSettings(base, new URL(".vitepress/", pages));
  await run("npx", ["vitepress", "build", "pages", "--outDir", new URL("dist", work).pathname], work);
  await removeFolder(output);
  await Deno.rename(new URL("dist", work), new URL(".docs/site", root));
  return deadLinks(await readSite(output), base);
}

/** Installs what packages-lock.json names, if that is not there yet. Under npm's own names Deno would take the files for settings of its own. */
async function install(): Promise<void> {
  const lock = await textHere("packages-lock.json");
  const path = new URL("package-lock.json", work);
  if (lock === await Deno.readTextFile(path).catch(() => null)) return;
  await write(new URL("package.json", work), await textHere("packages.json"));
  await write(path, lock);
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], work).catch(async (error) => {
    await Deno.remove(path);
    throw error;
  });
}

/** The settings of VitePress, and the look of the site. */
async function writeSettings(base: string, folder: URL): Promise<void> {
  const linkOf = (file: string) => `/${pagePath(file).replace(/(?:index)?\.md$/, "")}`;
  const sidebar = sidebarOf(pagesOf()).map(({ text, pages }) => {
    return { text, items: pages.map(([file, name]) => ({ text: name, link: linkOf(file) })) };
  });
  await write(new URL("site.json", folder), JSON.stringify({ base, version, sidebar }));
  for (const name of ["config.mjs", "slug.mjs"]) await write(new URL(name, folder), await textHere(name));
  await write(new URL("theme/index.mjs", folder), THEME);
  await write(new URL("theme/theme.css", folder), await textHere("theme.css"));
}

/**
 * The API reference. `deno doc` names the modules by their paths, while people import them by their full names; and it links type parameters to
 * places that it does not make.
 */
async function writeReference(folder: URL): Promise<void> {
  const args = ["doc", "--html", "--name=@pbft/edge", `--output=${folder.pathname}`, ...Object.values(exports)];
  await Deno.mkdir(folder, { recursive: true });
  await run(Deno.execPath(), args, root);
  await Deno.writeTextFile(new URL("page.css", folder), await textHere("reference.css"), { append: true });
  const names = Object.keys(exports).filter((name) => name !== ".").map((name) => name.slice(2)).join("|");
  const imports = new RegExp(`(from &quot;)(${names})(&quot;)`, "g");
  for await (const path of folderFiles(folder)) {
    if (!path.pathname.endsWith(".html")) continue;
    const depth = path.pathname.slice(folder.pathname.length).split("/").length;
    const guide = `<a href="${"../".repeat(depth)}index.html" class="contextLink">Guide</a>`;
    const text = (await Deno.readTextFile(path))
      .replaceAll(imports, "$1@pbft/edge/$2$3")
      .replaceAll(/(href="[^"#]*)#type_param_\w+"/g, '$1"')
      .replace('<div class="flex items-center gap-2">', (before) => before + guide);
    await Deno.writeTextFile(path, text);
  }
}

function textHere(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, here));
}

if (import.meta.main) {
  const base = Deno.args[0] === "--base" ? Deno.args[1] ?? "" : Deno.args.length === 0 ? "/" : "";
  if (!/^\/(?:[\w.-]+\/)*$/.test(base)) {
    console.error("usage: deno task docs [--base /PATH/]");
    Deno.exit(2);
  }
  const dead = await build(base);
  for (const link of dead) console.error(`dead link  ${link}`);
  console.log(
    dead.length > 0 ? `${dead.length} links lead nowhere` : ".docs/site is built; all its links lead somewhere",
  );
  Deno.exit(dead.length > 0 ? 1 : 0);
}
