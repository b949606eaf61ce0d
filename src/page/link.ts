/**
 * Links to simulated clusters: the part after `#`. They say all that a run depends on, so that it is the same run for everybody who opens
 * them: `seed=7&profile=byzantine`, `play=4&do=2000,stop,0`, `lesson=dead-backup`.
 * @module
 */

/** What somebody does to a simulated cluster, at a virtual time, ms. */
export type LinkedAction =
  & { readonly atMs: number }
  & (
    | { readonly action: typeof REPLICA_ACTIONS[number]; readonly replica: number }
    | { readonly action: "request"; readonly operation: string }
  );

/** The run that a link opens. */
export type LinkedRun =
  /** What `pbft simulate` runs. */
  | {
    readonly kind: "seed";
    readonly seed: number;
    readonly profile?: string;
    readonly replicas?: number;
    readonly kinds?: readonly string[];
  }
  /** A cluster without faults of its own. */
  | { readonly kind: "play"; readonly replicas: number }
  | { readonly kind: "lesson"; readonly lesson: string };

/** What a link says. */
export interface SimulationLink {
  readonly run: LinkedRun;
  /** Further actions, by time. */
  readonly actions: readonly LinkedAction[];
  /** The moment that is shown, virtual ms. */
  readonly atMs: number | null;
  /** The version of the package that made the link: another one may give another run. */
  readonly version: string | null;
}

/** A link that cannot be read. The message names the field. */
export class LinkError extends Error {
  /** @ignore */
  override name = "LinkError";
}

/** What can be done to a replica. */
export const REPLICA_ACTIONS = ["stop", "start", "pause", "resume", "cut", "join", "lie"] as const;

/** Bounds of a link's parts. */
const MOST = { replicas: 10, actions: 200, operation: 1_000, atMs: 3_600_000, seed: 2 ** 53 - 1 };

/** The link's text, without `#`. */
export function formatLink({ run, actions, atMs, version }: SimulationLink): string {
  const fields: [name: string, value: string][] = [];
  if (run.kind === "seed") {
    fields.push(["seed", `${run.seed}`]);
    if (run.profile !== undefined) fields.push(["profile", run.profile]);
    if (run.replicas !== undefined) fields.push(["replicas", `${run.replicas}`]);
    if (run.kinds !== undefined) fields.push(["kinds", run.kinds.join(",") || "none"]);
  } else if (run.kind === "play") fields.push(["play", `${run.replicas}`]);
  else fields.push(["lesson", run.lesson]);
  if (actions.length > 0) fields.push(["do", actions.map(formatAction).join(";")]);
  if (atMs !== null) fields.push(["at", shortTime(atMs)]);
  if (version !== null) fields.push(["v", version]);
  return fields.map(([name, value]) => `${name}=${encodeURI(value).replaceAll("#", "%23").replaceAll("&", "%26")}`)
    .join("&");
}

/**
 * Reads the text after `#`; `null`: it opens no simulation.
 * @throws {LinkError} that names the field.
 */
export function parseLink(text: string): SimulationLink | null {
  const fields = new Map(
    text.replace(/^#/, "").split("&").map((field) => {
      const [name = "", ...value] = field.split("=");
      return [name, decode(name, value.join("="))] as const;
    }),
  );
  const run = runOf(fields);
  if (!run) return null;
  const atMs = fields.has("at") ? number("at", fields.get("at")!, MOST.atMs) : null;
  const listed = fields.get("do") ?? "";
  const actions = listed === "" ? [] : listed.split(";").map(parseAction);
  if (actions.length > MOST.actions) throw new LinkError(`do: expected at most ${MOST.actions} actions`);
  return { run, actions: actions.sort((a, b) => a.atMs - b.atMs), atMs, version: fields.get("v") ?? null };
}

function runOf(fields: ReadonlyMap<string, string>): LinkedRun | null {
  const replicas = fields.get("replicas");
  if (fields.has("seed")) {
    const kinds = fields.get("kinds");
    return {
      kind: "seed",
      seed: Math.floor(number("seed", fields.get("seed")!, MOST.seed)),
      ...(fields.has("profile") && { profile: fields.get("profile")! }),
      ...(replicas !== undefined && { replicas: count("replicas", replicas) }),
      ...(kinds !== undefined && { kinds: kinds === "none" ? [] : kinds.split(",") }),
    };
  }
  if (fields.has("play")) return { kind: "play", replicas: count("play", fields.get("play")!) };
  return fields.has("lesson") ? { kind: "lesson", lesson: fields.get("lesson")! } : null;
}

function formatAction(action: LinkedAction): string {
  const what = action.action === "request" ? encodeURIComponent(action.operation) : `${action.replica}`;
  return `${shortTime(action.atMs)},${action.action},${what}`;
}

function parseAction(text: string): LinkedAction {
  const [at = "", name = "", what = ""] = text.split(",");
  const atMs = number("do", at, MOST.atMs);
  if (name === "request") {
    const operation = decode("do", what);
    if (operation !== "" && operation.length <= MOST.operation) return { atMs, action: name, operation };
    throw new LinkError(`do: expected an operation of 1 to ${MOST.operation} characters`);
  }
  const action = REPLICA_ACTIONS.find((one) => one === name);
  if (action === undefined) {
    throw new LinkError(`do: expected request, ${REPLICA_ACTIONS.join(", ")}, got ${shown(name)}`);
  }
  return { atMs, action, replica: Math.floor(number("do", what, MOST.replicas - 1)) };
}

/** A hundredth of a ms is less than any two steps of a replica are apart. */
function shortTime(ms: number): string {
  return `${Math.round(100 * ms) / 100}`;
}

function count(name: string, text: string): number {
  const replicas = number(name, text, MOST.replicas);
  if (Number.isInteger(replicas) && replicas >= 4) return replicas;
  throw new LinkError(`${name}: expected 4 to ${MOST.replicas} replicas, got ${shown(text)}`);
}

function number(name: string, text: string, most: number): number {
  if (/^[0-9]{1,16}(\.[0-9]{1,6})?$/.test(text) && Number(text) <= most) return Number(text);
  throw new LinkError(`${name}: expected a number from 0 to ${most}, got ${shown(text)}`);
}

function decode(name: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new LinkError(`${name}: expected text as in a link, got ${shown(text)}`);
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
