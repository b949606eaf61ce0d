/**
 * The project's files, for tools and tests.
 * @module
 */

/** The project's root, with a slash at the end. */
export const root: URL = new URL("../../", import.meta.url);

/** Paths from the root of all files under `folder` whose name ends in `ending`, sorted; without hidden ones, which tests write for a while. */
export function filesUnder(folder: string, ending: string): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(new URL(`${folder}/`, root))) {
    if (entry.name.startsWith(".")) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...filesUnder(path, ending));
    else if (entry.name.endsWith(ending)) found.push(path);
  }
  return found.sort();
}

/** The text of a file, by its path from the root; `undefined` if there is none. */
export function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(path, root));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
