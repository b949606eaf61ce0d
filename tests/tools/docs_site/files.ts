/**
 * Folders and processes of the build.
 * @module
 */
import { root } from "../files.ts";
import type { Site } from "./links.ts";

export { root };

/** The files of a folder and of those below it. */
export async function* folderFiles(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = new URL(`${encodeURIComponent(name)}${isDirectory ? "/" : ""}`, folder);
    if (isDirectory) yield* folderFiles(path);
    else yield path;
  }
}

/** A built site. */
export async function readSite(folder: URL): Promise<Site> {
  const site = new Map<string, string | null>();
  for await (const path of folderFiles(folder)) {
    const name = decodeURIComponent(path.pathname.slice(folder.pathname.length - 1));
    site.set(name, name.endsWith(".html") ? await Deno.readTextFile(path) : null);
  }
  return site;
}

/** Whether there is a file at this path. */
export function isFile(path: URL): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Writes a file, and makes its folder. */
export async function write(path: URL, text: string): Promise<void> {
  await Deno.mkdir(new URL(".", path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

/** Removes a folder if it is there. */
export async function removeFolder(path: URL): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Runs a program. @throws {Error} with what it printed, if it fails. */
export async function run(program: string, args: readonly string[], cwd: URL): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd, stdin: "null", stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  if (success) return;
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  throw new Error(`${program} ${args.slice(0, 3).join(" ")} failed:\n${out}${error}`);
}
