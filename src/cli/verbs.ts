/**
 * All verbs, by what they are for. A new verb is a file in `commands/` that exports `verb`, and a line here.
 * @module
 */
import type { Entry } from "./parser/help.ts";

const start = "start a cluster";
const setup = "set one up on several machines";
const use = "use one";
const look = "look at one";
const run = "run one";
const attempt = "try it";
const other = "other";

/** The verbs in the order of the help. */
export const VERBS: readonly Entry[] = [
  {
    group: start,
    name: "dev",
    summary: "a cluster here with your machine, restarted when the file changes",
    load: () => import("./commands/start/dev.ts"),
  },
  {
    group: start,
    name: "cluster",
    summary: "a cluster here, with the logs of all replicas",
    load: () => import("./commands/cluster.ts"),
  },
  { group: start, name: "serve", summary: "one replica", load: () => import("./commands/replica.ts") },
  {
    group: start,
    name: "inspect",
    summary: "what a file's machine is",
    load: () => import("./commands/start/inspect.ts"),
    isHidden: true,
  },
  {
    group: setup,
    name: "init",
    summary: "a cluster file, and a key per member",
    load: () => import("./commands/init.ts"),
  },
  { group: setup, name: "keygen", summary: "a client's key", load: () => import("./commands/setup/keygen.ts") },
  { group: use, name: "get", summary: "the value of a key", load: () => import("./commands/use/get.ts") },
  { group: use, name: "set", summary: "set a key to a value", load: () => import("./commands/use/set.ts") },
  {
    group: use,
    name: "cas",
    summary: "replace a value if it is the expected one",
    load: () => import("./commands/use/cas.ts"),
  },
  { group: use, name: "incr", summary: "add to a number", load: () => import("./commands/use/incr.ts") },
  { group: use, name: "del", summary: "remove a key", load: () => import("./commands/use/del.ts") },
  { group: use, name: "keys", summary: "list keys", load: () => import("./commands/use/keys.ts") },
  { group: use, name: "watch", summary: "changes as they happen", load: () => import("./commands/use/watch.ts") },
  { group: use, name: "call", summary: "an operation of any machine", load: () => import("./commands/use/call.ts") },
  { group: use, name: "ask", summary: "a query of any machine", load: () => import("./commands/use/ask.ts") },
  { group: use, name: "repl", summary: "operations line by line", load: () => import("./commands/use/repl.ts") },
  {
    group: look,
    name: "check",
    summary: "how every member is, and what is wrong",
    load: () => import("./commands/check.ts"),
  },
  {
    group: run,
    name: "members",
    summary: "add, remove and replace members, change keys and limits",
    load: () => import("./commands/operate/members.ts"),
  },
  {
    group: run,
    name: "snapshot",
    summary: "save, verify, restore and audit the state",
    load: () => import("./commands/operate/snapshot.ts"),
  },
  {
    group: attempt,
    name: "simulate",
    summary: "your machine, or the whole protocol, in virtual time under faults",
    load: () => import("./commands/simulate.ts"),
  },
  {
    group: attempt,
    name: "see",
    summary: "a page that simulates a cluster in your browser: seeds, lessons, play",
    load: () => import("./commands/attempt/see.ts"),
  },
  {
    group: attempt,
    name: "bench",
    summary: "throughput and latency of a running cluster",
    load: () => import("./commands/attempt/bench.ts"),
  },
  {
    group: other,
    name: "completion",
    summary: "completion for bash, zsh and fish",
    load: async () => ({ verb: (await import("./commands/other/completion.ts")).completionOf(VERBS) }),
  },
  { group: other, name: "version", summary: "the version", load: () => import("./commands/other/version.ts") },
];
