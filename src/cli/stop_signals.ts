/**
 * How a command learns that it is to stop.
 * @module
 */
import { terminationSignal } from "../runtime/deno.ts";
import { launcherGone } from "./local_cluster/launcher.ts";

/** When a command is to stop. */
export interface StopSignals {
  /** By Ctrl-C, by SIGTERM, or because the program that started this one is gone. */
  readonly requested: AbortSignal;
  /** By another Ctrl-C or SIGTERM after that: at once. */
  readonly forced: AbortSignal;
}

/** One Ctrl-C arrives several times: from the terminal, and from each program between it and this one that passes it on. */
const ONE_CTRL_C_MS = 500;

/** Listens from now on. */
export function listenForStop(): StopSignals {
  const told = terminationSignal();
  const forced = new AbortController();
  told.addEventListener("abort", () => {
    setTimeout(() => terminationSignal().addEventListener("abort", () => forced.abort()), ONE_CTRL_C_MS);
  }, { once: true });
  return { requested: AbortSignal.any([told, launcherGone()]), forced: forced.signal };
}
