/**
 * Makes the npm package: what `deno pack` makes, and what deno.json cannot say: the command `pbft`, and that `@opentelemetry/api` is only
 * for those who use `@pbft/edge/telemetry`.
 *
 *     deno run -A tests/tools/npm_package.ts FILE.tgz
 *
 * @module
 */
import { packagedSimulator } from "./page.ts";
import { root } from "./files.ts";

/** Packages of entry points that most programs do not import. */
const OPTIONAL: readonly string[] = ["@opentelemetry/api"];
/** The module of the command in the package. */
const COMMAND = "src/cli/mod.js";

/** Writes the package to a file. */
export async function packForNpm(path: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "pbft-pack-" });
  try {
    await run(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", "--output", `${folder}/packed.tgz`], root);
    await run("tar", ["xzf", "packed.tgz"], folder);
    const file = `${folder}/package/package.json`;
    const manifest = JSON.parse(await Deno.readTextFile(file));
    const packed = {
      ...manifest,
      ...withOptional(manifest.dependencies),
      bin: { pbft: COMMAND },
      engines: { node: ">=20.16" },
      // A bundler leaves out what a page does not use.
      sideEffects: ["./src/cli/**"],
    };
    await Deno.writeTextFile(file, JSON.stringify(packed, null, 2) + "\n");
    // A checkout makes it when it is wanted; a package contains it.
    await Deno.writeTextFile(`${folder}/package/src/page/simulator.js`, await packagedSimulator());
    const command = `${folder}/package/${COMMAND}`;
    await Deno.writeTextFile(command, `#!/usr/bin/env node\n${await Deno.readTextFile(command)}`, { mode: 0o755 });
    await Deno.chmod(command, 0o755);
    await run("tar", ["czf", path, "package"], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The dependencies, with those that are not everybody's as optional peers: npm installs them if the user names them. */
function withOptional(dependencies: Readonly<Record<string, string>>) {
  const isOptional = (name: string) => OPTIONAL.includes(name);
  const part = (test: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(dependencies).filter(([name]) => test(name)));
  return {
    dependencies: part((name) => !isOptional(name)),
    peerDependencies: part(isOptional),
    peerDependenciesMeta: Object.fromEntries(OPTIONAL.map((name) => [name, { optional: true }])),
  };
}

async function run(program: string, args: readonly string[], cwd: string | URL): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args], cwd, stdin: "null" }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  const [path] = Deno.args;
  if (path === undefined) {
    console.error("usage: deno run -A tests/tools/npm_package.ts FILE.tgz");
    Deno.exit(2);
  }
  await packForNpm(path.startsWith("/") ? path : `${Deno.cwd()}/${path}`);
}
