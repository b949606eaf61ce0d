/**
 * Makes the npm package: what `deno pack` makes, and the command `pbft`, which deno.json cannot name.
 *
 *     deno run -A tests/tools/npm_package.ts FILE.tgz
 *
 * @module
 */
import { root } from "./files.ts";

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
    const packed = { ...manifest, bin: { pbft: COMMAND }, engines: { node: ">=20.16" } };
    await Deno.writeTextFile(file, JSON.stringify(packed, null, 2) + "\n");
    const command = `${folder}/package/${COMMAND}`;
    await Deno.writeTextFile(command, `#!/usr/bin/env node\n${await Deno.readTextFile(command)}`, { mode: 0o755 });
    await Deno.chmod(command, 0o755);
    await run("tar", ["czf", path, "package"], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
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
