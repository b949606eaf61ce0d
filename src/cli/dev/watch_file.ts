/**
 * Tells when the file of a machine, or a file beside it, has another content.
 * @module
 */
import { readdirSync, readFileSync, watch } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** Editors write a file in several steps. Writes within this time count as one change, ms. */
const QUIET_MS = 150;
const SOURCE = /\.(?:[cm]?[jt]s|json)$/;
/**
 * Files that package managers write beside the sources. A change of these is ignored: package.json shows the installed
 * packages.
 */
const NO_SOURCE = new Set(["package-lock.json", "npm-shrinkwrap.json"]);

/**
 * Calls `onChange` with the name of a source file in the folder of `path` whose content has changed. Stops when
 * `signal` aborts.
 */
export function watchSources(path: string, signal: AbortSignal, onChange: (name: string) => void): void {
  const folder = dirname(resolve(path));
  const contents = new Map(
    sourcesIn(folder).map((name) => [name, contentOf(join(folder, name))]),
  );
  let id: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    const changed = sourcesIn(folder).filter((name) => {
      const content = contentOf(join(folder, name));
      // A file that is empty for a moment is being written.
      if (content === contents.get(name) || content === "") return false;
      contents.set(name, content);
      return true;
    });
    const own = basename(path);
    if (changed.length > 0) onChange(changed.includes(own) ? own : changed[0]!);
  };
  // The folder, not the file: many editors replace the file by another one.
  const watcher = watch(folder, () => {
    clearTimeout(id);
    id = setTimeout(look, QUIET_MS);
  });
  watcher.on("error", () => {});
  signal.addEventListener("abort", () => {
    clearTimeout(id);
    watcher.close();
  }, { once: true });
}

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => SOURCE.test(name) && !NO_SOURCE.has(name));
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
