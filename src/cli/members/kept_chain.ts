/**
 * The chain of epochs in a file beside the cluster file. A reader who knows a later epoch can't be deceived with keys
 * of an earlier one, and finds the members when all those of the genesis are gone. So what a verb learns is kept there:
 * the file is replaced as a whole, and only by a chain that continues the known one.
 * @module
 */
import type { Epoch } from "../../wire/epochs/mod.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { exists, replaceFile } from "../files.ts";
import type { FoundCluster } from "../find_cluster.ts";
import type { Terminal } from "../terminal.ts";
import { chainJson, isChainText, readChain } from "./chain_file.ts";
import { type Followed, followLinks } from "./follow.ts";

/** The chain of epochs as far as it is known, and the file in which it is kept. */
export class KeptChain {
  readonly #path: string | null;
  readonly #found: FoundCluster;
  #followed: Followed;

  private constructor(found: FoundCluster, path: string | null, followed: Followed) {
    this.#found = found;
    this.#path = path;
    this.#followed = followed;
  }

  /**
   * Reads the file that is named, or the one beside the cluster file. There need not be one yet. If the chain itself is
   * given, as JSON, nothing is kept.
   * @throws {CliError} if it is no chain, or that of another cluster.
   */
  static async open(found: FoundCluster, named?: string): Promise<KeptChain> {
    if (named !== undefined && isChainText(named)) {
      return new KeptChain(found, null, await followLinks(found.cluster, readChain(named), "the chain"));
    }
    const path = named ?? pathBeside(found.source);
    const links = path === null || (!exists(path) && path !== "") ? [] : readChain(path);
    return new KeptChain(found, path, await followLinks(found.cluster, links, path ?? "the chain"));
  }

  /** As {@linkcode KeptChain.open}, where nobody is asked: a file that is named must be there. */
  static async openKnown(found: FoundCluster, named?: string): Promise<KeptChain> {
    if (named !== undefined) readChain(named);
    return await KeptChain.open(found, named);
  }

  /** The known links. */
  get followed(): Followed {
    return this.#followed;
  }

  /** The links from epoch 0 on. */
  get links(): readonly Uint8Array[] {
    return this.#followed.links;
  }

  /** The last epoch that is known. */
  get present(): Epoch {
    return this.#followed.present;
  }

  /**
   * Goes on with links from epoch 0 on that lead further, and keeps them. Returns a warning, if they can't be kept.
   * @throws {CliError} if they fork from the known chain: then somebody has misused the keys of an earlier epoch.
   */
  async learn(links: readonly Uint8Array[]): Promise<string | null> {
    if (links.length <= this.links.length) return null;
    const followed = await followLinks(this.#found.cluster, links, "the chain");
    const { number, context } = this.present;
    const { context: shown } = followed.epochs[number]!;
    if (shown !== context) {
      throw new CliError(
        `the chain: expected the configuration ${context} in epoch ${number}, which is known, got ${shown}`,
        EXIT.no,
        { next: "believe neither of them before you have asked the members' operators" },
      );
    }
    this.#followed = followed;
    if (this.#path === null) return null;
    try {
      keep(this.#path, this.#followed);
      return null;
    } catch (error) {
      return `${this.#path}: the chain of epochs can't be kept: ${reasonOf(error)}`;
    }
  }
}

/** As {@linkcode KeptChain.learn}; a warning is said. */
export async function keepIn(
  kept: KeptChain,
  links: readonly Uint8Array[],
  terminal: Pick<Terminal, "say">,
): Promise<void> {
  const warning = await kept.learn(links);
  if (warning) terminal.say(`warning: ${warning}`);
}

/**
 * `cluster.json` has `chain.json` beside it, and `x.json` has `x.chain.json`; a cluster file from elsewhere has none.
 */
export function pathBeside(source: string): string | null {
  if (source === "PBFT_CLUSTER" || /^https?:/.test(source)) return null;
  const name = source.replace(/\.json$/, "");
  return /(?:^|[\\/])cluster$/.test(name) ? `${name.slice(0, -"cluster".length)}chain.json` : `${name}.chain.json`;
}

/** Replaces the file, unless it has as many links by now. @throws what the file system throws. */
function keep(path: string, { cluster, links }: Followed): void {
  // If another process is writing just now: what was learned here will be learned again.
  replaceFile(path, () => {
    const known = exists(path) ? readChain(path).length : 0;
    return known >= links.length ? null : JSON.stringify(chainJson(cluster, links)) + "\n";
  });
}
