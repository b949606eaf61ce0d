/**
 * What several test files need, made once a run of `deno task test`: bundles, the places of other runtimes.
 * @module
 */

/** Names the folder of a run, in which it is kept. Without it, as when a file runs by itself, it is made each time. */
export const SHARED_FOLDER = "PBFT_TESTS_SHARED";

/** The text that `make` gives, or has given to another file or process of this run. `what` tells it from others. */
export async function shared(what: string, make: () => Promise<string>): Promise<string> {
  const folder = Deno.env.get(SHARED_FOLDER);
  if (folder === undefined) return await make();
  const path = `${folder}/${encodeURIComponent(what)}`;
  using file = await Deno.open(path, { create: true, write: true });
  await file.lock(true);
  const found = await Deno.readTextFile(path);
  if (found !== "") return found;
  const made = await make();
  await Deno.writeTextFile(path, made);
  return made;
}
