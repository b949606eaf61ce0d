/** How the flags are kept current: by asking each second whether there is a new revision. A cluster that tells of changes takes this file's place. */
import type { FlagCalls } from "./flag_client.ts";
import type { Flag } from "./machine.ts";

/** So often it is asked, ms. */
const ASK_MS = 1_000;

/** What following needs. */
export interface Following {
  readonly signal: AbortSignal;
  /** Reads all flags anew. */
  readonly read: () => Promise<void>;
  /** A flag was changed; `undefined`: removed. */
  readonly onFlag: (name: string, flag: Flag | undefined) => void;
  /** It is not known any more whether the flags are current; `null`: they are again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Reads all flags, and follows them from then on, until the signal aborts. Resolves when they were read. */
export async function follow(calls: FlagCalls, { signal, read, onTrouble }: Following): Promise<void> {
  let known = await calls.revision(undefined, { signal });
  await read();
  let isInTrouble = false;
  const ask = async () => {
    try {
      const revision = await calls.revision(undefined, { signal });
      if (revision !== known) await read();
      known = revision;
      if (isInTrouble) onTrouble(null);
      isInTrouble = false;
    } catch (error) {
      if (signal.aborted) return;
      isInTrouble = true;
      onTrouble(error);
    }
    if (!signal.aborted) timer = setTimeout(ask, ASK_MS);
  };
  let timer = setTimeout(ask, ASK_MS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}
