/** Other runtimes: the ones that are here, or from npm. */
import { shared } from "../tools/shared.ts";

/** The path of a Node of this major version, at least of this minor one. */
export async function nodeOf(major: number, minor = 0): Promise<string> {
  const [here, part] = (await outputOf("node", "--version")).slice(1).split(".").map(Number);
  return here === major && part! >= minor ? "node" : await fromNpm(`node@${major}`);
}

/** The path of Bun. */
export function bun(): Promise<string> {
  return fromNpm("bun@1");
}

/** npx keeps what it has downloaded, for the next test and the next run. Two at once would write into one folder: the lock is on this file. */
function fromNpm(name: string): Promise<string> {
  return shared(name, () => find(name));
}

async function find(name: string): Promise<string> {
  using file = await Deno.open(new URL(import.meta.url));
  await file.lock(true);
  return await outputOf("npx", "--yes", "-p", name, "which", name.split("@")[0]!);
}

async function outputOf(command: string, ...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(command, { args, stdin: "null", stderr: "null" }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout).trim();
}
