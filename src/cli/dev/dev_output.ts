/**
 * What `dev` tells people: the log of all replicas, in few words.
 * @module
 */
import type { ChildReplica } from "../local_cluster/child_replica.ts";
import { degradedText, noQuorumText, type Notices } from "../local_cluster/output.ts";
import type { Terminal } from "../terminal.ts";

/** A line of a replica's log, as JSON. */
interface LogLine {
  readonly replica: string;
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Events that happen at all replicas, told once. */
const SHARED: ReadonlySet<string> = new Set(["suspicion", "view-change", "new-view"]);
/** Events about which a developer can do nothing. */
const QUIET: ReadonlySet<string> = new Set(["socket-failed", "peer-unreachable", "clock-wrong", "clock-right"]);
/** Lines of the level `info` are printed for these events only. */
const TOLD: ReadonlySet<string> = new Set(["new-view", "recovered"]);
/** An event of all replicas that was printed for one of them is not printed for another one within this time, ms. */
const SHARED_MS = 2_000;

/** Prints one line for each thing that a developer wants to know. */
export class DevOutput implements Notices {
  readonly #terminal: Terminal;
  /** Whether Ctrl-C was pressed. After that, the ends of the replicas are not printed. */
  isStopping = false;
  /** Whether the cluster was ready. After that, the start of a replica is printed. */
  isReady = false;
  /** The events of all replicas that were told, and when. */
  readonly #told = new Map<string, number>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  started({ pid, options: { name } }: ChildReplica): void {
    if (this.isReady) this.say(`${name} runs again, pid ${pid}`);
  }

  died({ options: { name } }: ChildReplica, ending: string): void {
    this.say(`${this.#terminal.style.red(name)} has stopped (${ending})`);
  }

  degraded(alive: readonly string[], n: number): void {
    this.say(`${degradedText(alive, n)}; start it again on the page, or with pbft dev after Ctrl-C`);
  }

  noQuorum(alive: readonly string[], n: number): void {
    this.say(this.#terminal.style.red(noQuorumText(alive, n)));
  }

  /** A line with the time. */
  say(text: string): void {
    const time = new Date().toTimeString().slice(0, 8);
    this.#terminal.say(`${this.#terminal.style.dim(time)}  ${text}`);
  }

  /** A line of a replica's log. Other lines, such as a machine's own output, are shown as they are. */
  log(name: string, line: string): void {
    const entry = parsed(line);
    if (entry === null) return this.say(`${name}: ${line}`);
    const { level, event, message } = entry;
    if (this.isStopping || QUIET.has(event) || (level === "info" && !TOLD.has(event))) return;
    const words = [message, ...wordsOf(entry)].join("; ");
    if (!SHARED.has(event)) return this.say(`${name}: ${words}`);
    const key = `${event} ${entry.view}`;
    const now = performance.now();
    if (now - (this.#told.get(key) ?? -Infinity) < SHARED_MS) return;
    this.#told.set(key, now);
    if (event === "new-view") return this.say(`${entry.primary} leads (view ${entry.view})`);
    // The message says what the first replica does. The others mostly do the same, and are not told of.
    this.say(event === "suspicion" ? `${name} ${words}` : words);
  }
}

/** The fields of an event that say more than its message. */
function wordsOf({ event, error, stack, reason, detail }: LogLine): readonly string[] {
  if (event === "operation-failed") return [String(stack ?? error)];
  return [detail ?? (event === "rejected" ? reason : undefined), error].filter((value) => value !== undefined).map(
    String,
  );
}

function parsed(line: string): LogLine | null {
  try {
    const entry = JSON.parse(line);
    return typeof entry?.event === "string" && typeof entry.level === "string" ? entry : null;
  } catch {
    return null;
  }
}
