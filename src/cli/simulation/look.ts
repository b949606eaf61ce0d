/**
 * The link that opens a failure on the page.
 * @module
 */
import { formatLink } from "../../page/link.ts";
import { PAGE_PORT } from "../page/port.ts";
import { VERSION } from "../version.ts";
import type { Simulation } from "./runs.ts";

/** The page shows the run from this long before the failure, virtual ms. */
const BEFORE_MS = 100;

/** The command that serves the page, and the link. `command`: as `simulate` is typed here. */
export function lookAt(
  seed: number,
  atMs: number,
  { profile, replicas, kinds }: Pick<Simulation, "profile" | "replicas" | "kinds">,
  command: string,
): string {
  const link = formatLink({
    run: {
      kind: "seed",
      seed,
      ...(profile !== undefined && { profile }),
      ...(replicas !== undefined && { replicas }),
      ...(kinds !== undefined && { kinds }),
    },
    actions: [],
    atMs: Math.max(0, atMs - BEFORE_MS),
    version: VERSION,
  });
  return `${command.replace(/simulate$/, "see")} '${link}'   (http://127.0.0.1:${PAGE_PORT}/#${link})`;
}
