/** What this browser has seen of a register. */
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import * as v from "npm:valibot@1.5.0";
import { remember, remembered } from "../pages/storage.ts";
import type { Head } from "./verify.ts";

const Seen = v.object({ count: v.number(), root: v.string(), at: v.number() });

/** The head of the last visit, kept in the browser. */
export class Memory {
  readonly #key: string;

  /** `fingerprint`: of the cluster. Another cluster has another register. */
  constructor(fingerprint: string) {
    this.#key = `register of ${fingerprint}`;
  }

  /** The last head, and when it was seen; `null`: none yet. */
  get last(): v.InferOutput<typeof Seen> | null {
    const seen = v.safeParse(v.pipe(v.string(), v.parseJson(), Seen), remembered(this.#key));
    return seen.success ? seen.output : null;
  }

  /** Keeps a head. Returns whether this browser does so. */
  keep({ count, root }: Head): boolean {
    return remember(this.#key, JSON.stringify({ count, root, at: Date.now() }));
  }
}
