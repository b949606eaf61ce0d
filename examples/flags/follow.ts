/** How the flags are kept current: the cluster tells of each change, with the signatures of f + 1 replicas. */
import type { FlagCalls } from "./flag_client.ts";
import type { Flag } from "./machine.ts";

/** So often it is asked whether the cluster is reached, ms: a watch itself goes on trying, and says nothing. */
const CHECK_MS = 10_000;
/** After a failure it is tried again so soon, ms. */
const RETRY_MS = 1_000;

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
export async function follow(calls: FlagCalls, { signal, read, onFlag, onTrouble }: Following): Promise<void> {
  await calls.revision(undefined, { signal }); // fails in time, where a watch would go on trying
  const watch = calls.watch("flags", { signal });
  await watch.begun;
  // What changes from now on comes as a change, too, so nothing is missed in between.
  await read();
  let isBehind = false;
  let isInTrouble = false;
  const check = async () => {
    try {
      if (isBehind) await read();
      else await calls.revision(undefined, { signal });
      isBehind = false;
      if (isInTrouble) onTrouble(null);
      isInTrouble = false;
    } catch (error) {
      if (signal.aborted) return;
      isInTrouble = true;
      onTrouble(error);
    }
    if (!signal.aborted) timer = setTimeout(check, isInTrouble ? RETRY_MS : CHECK_MS);
  };
  let timer = setTimeout(check, CHECK_MS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  const listen = async () => {
    for await (const event of watch) {
      if (event.kind === "change") onFlag(event.key, event.value);
      else {
        // More has happened than replicas keep, or than this client could read: what comes next is complete again.
        isBehind = true;
        clearTimeout(timer);
        void check();
      }
    }
  };
  void listen().catch(onTrouble);
}
