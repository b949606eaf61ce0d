/**
 * The simulator's script for browsers. The packages contain it; a checkout of the repository bundles it when a page
 * asks for it, so that a seed is always the same run there as in `simulate`.
 * @module
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { exists } from "../files.ts";
import { runProgram } from "../machine/inspect.ts";
import { OWN_CONFIG } from "../runtime.ts";

const SOURCE = new URL("../../../page/simulator/worker.ts", import.meta.url);
const PACKAGED = new URL("../../page/simulator.js", import.meta.url);

/** Gives the script. @throws {Error} that says why there is none. */
export async function simulatorScript(): Promise<string> {
  return await (bundled ??= bundledSimulator().catch((error) => {
    bundled = null;
    throw error;
  })) ?? await packagedSimulator();
}

let bundled: Promise<string | null> | null = null;

/**
 * Bundles it from the sources; `null`: this is no checkout, or not under Deno.
 * @throws {Error} with what the bundler says.
 */
export async function bundledSimulator(): Promise<string | null> {
  if (OWN_CONFIG === null) return null;
  const folder = await mkdtemp(join(tmpdir(), "pbft_simulator_"));
  try {
    const output = join(folder, "simulator.js");
    const flags = ["--quiet", "--platform", "browser", "--minify", "--output", output];
    const { code, err } = await runProgram(process.execPath, [
      "bundle",
      "--config",
      OWN_CONFIG!,
      ...flags,
      fileURLToPath(SOURCE),
    ]);
    if (code !== 0) throw new Error(err.trim().split("\n").at(-1) ?? `deno bundle: exit code ${code}`);
    return await readFile(output, "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function packagedSimulator(): Promise<string> {
  if (PACKAGED.protocol === "file:") {
    const path = fileURLToPath(PACKAGED);
    if (exists(path)) return await readFile(path, "utf8");
    throw new Error("this copy has no simulator for browsers; in a checkout of the repository, Deno makes it");
  }
  const response = await fetch(PACKAGED);
  if (!response.ok) throw new Error(`${PACKAGED}: ${response.status}`);
  return await response.text();
}
