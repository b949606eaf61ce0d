/**
 * Signals that ask a command to stop.
 * @module
 */
import process from "node:process";
import { launcherGone } from "./local_cluster/launcher.ts";

/** The signals of a command. */
export interface StopSignals {
  /** Ctrl-C, SIGTERM, or the end of the program that started this one: stop in an orderly way. */
  readonly requested: AbortSignal;
  /** Another Ctrl-C or SIGTERM after that: stop at once. */
  readonly forced: AbortSignal;
}

/**
 * One Ctrl-C may arrive several times within this time, ms: from the terminal, and from each program in between that
 * passes it on.
 */
const ONE_CTRL_C_MS = 500;

/** The exit code of a program that Ctrl-C has ended. */
export const INTERRUPTED = 130;

/** Starts to listen. */
export function listenForStop(): StopSignals {
  const told = terminationSignal();
  const forced = new AbortController();
  told.addEventListener("abort", () => {
    setTimeout(() => terminationSignal().addEventListener("abort", () => forced.abort()), ONE_CTRL_C_MS);
  }, { once: true });
  return { requested: AbortSignal.any([told, launcherGone()]), forced: forced.signal };
}

/** Windows knows no SIGTERM. */
const SIGNALS = process.platform === "win32" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;

/** Aborts when the process is asked to end. */
export function terminationSignal(): AbortSignal {
  return listenForTermination().signal;
}

/** The same, until `forget` is called: then a signal ends the process at once, as it does without a listener. */
export function listenForTermination(): { readonly signal: AbortSignal; readonly forget: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of SIGNALS) process.on(signal, abort);
  return {
    signal: controller.signal,
    forget: () => {
      for (const signal of SIGNALS) process.off(signal, abort);
    },
  };
}
