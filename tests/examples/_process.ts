/** Commands that the examples and their pages show, run as they stand; `deno` is the one that runs the tests. */
import { fileURLToPath } from "node:url";
import { root } from "../tools/files.ts";

/** The command `pbft` of this repository. */
export const CLI = fileURLToPath(new URL("src/cli/mod.ts", root));

/** What a command ended with, and what it said. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a command to its end. */
export async function run(
  [program, ...args]: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const command = new Deno.Command(program === "deno" ? Deno.execPath() : program!, { args, cwd, env, stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}
