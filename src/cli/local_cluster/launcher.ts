/**
 * Detects that the program that started this one has ended. `npx` does not pass SIGTERM on: it ends, and the programs
 * that it started would run forever. So the processes between it and this one are watched.
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";

/** An entry of the system's process table. */
export interface ProcessEntry {
  readonly parent: number;
  readonly args: readonly string[];
}

/** The system's process table. A test passes its own. */
export interface ProcessTable {
  readonly pid: number;
  /** The entry of a process; `null` if it has ended, or if this system has no such table. */
  readonly entry: (pid: number) => ProcessEntry | null;
}

/** How often the chain is checked, ms. */
const POLL_MS = 500;
/** `cluster.ts`, `deno task`, a shell, `npm exec`, and room for one wrapper between each two. */
const MAX_CHAIN = 8;

/** Programs that run a package's command. */
const RUNNERS: ReadonlySet<string> = new Set(["npm", "npx", "pnpm", "pnpx", "yarn", "bun", "bunx"]);

/**
 * The process ids from this process up to the program that started it: `deno task`, and an `npx` above it. If it was
 * started in another way, only this process: a shell may end, while a program that it started in the background
 * continues.
 */
export function launcherChain(table: ProcessTable): readonly number[] {
  const chain = [table.pid];
  let isLauncher = false;
  for (let pid = table.pid; chain.length < MAX_CHAIN;) {
    const parent = table.entry(pid)?.parent ?? 0;
    const args = parent > 0 ? table.entry(parent)?.args : undefined;
    if (!args) break;
    if (isRunner(args)) return [...chain, parent];
    if (!isDenoTask(args) && !isBetween(args)) break;
    chain.push(parent);
    isLauncher ||= isDenoTask(args);
    pid = parent;
  }
  return isLauncher
    ? chain.slice(0, 1 + chain.findLastIndex((pid) => isDenoTask(table.entry(pid)?.args ?? [])))
    : [table.pid];
}

/**
 * Whether each process of the chain still has the next one as its parent. A process whose parent ended gets another
 * parent.
 */
export function isChainWhole(chain: readonly number[], table: ProcessTable): boolean {
  return chain.slice(1).every((parent, i) => table.entry(chain[i]!)?.parent === parent);
}

/** Aborts when the program that started this process has ended. */
export function launcherGone(table: ProcessTable = systemTable): AbortSignal {
  const controller = new AbortController();
  const chain = launcherChain(table);
  if (chain.length === 1) return controller.signal;
  const id = setInterval(() => {
    if (isChainWhole(chain, table)) return;
    clearInterval(id);
    controller.abort();
  }, POLL_MS);
  id.unref();
  return controller.signal;
}

/**
 * `npm exec`, `node …/npx-cli.js`, `pnpm dlx`. The process of npm has the name `npm exec deno@2.9.6 task cluster` in
 * one argument.
 */
function isRunner(args: readonly string[]): boolean {
  return args.slice(0, 2).some((arg) => RUNNERS.has(basename(arg.split(" ", 1)[0]!).replace(/(-cli)?\.[cm]?js$/, "")));
}

function isDenoTask([program = "", command]: readonly string[]): boolean {
  return basename(program).startsWith("deno") && command === "task";
}

/**
 * A process that a runner starts between itself and `deno task`: a shell for one command, or the script of the package.
 */
function isBetween(args: readonly string[]): boolean {
  const [program = "", flag, ...rest] = args;
  const isShell = /^(ba|da|z)?sh$/.test(basename(program)) && flag === "-c";
  return (isShell && /^'?"?(\S*\/)?deno\b/.test(rest[0] ?? "")) ||
    (basename(program) === "node" && /\bdeno\b/.test(flag ?? ""));
}

const systemTable: ProcessTable = {
  pid: process.pid,
  entry: process.platform === "linux" ? entryOfProc : entryOfPs,
};

function entryOfProc(pid: number): ProcessEntry | null {
  try {
    // The second field is the name in parentheses. It may contain spaces and parentheses itself.
    const [, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(/\) /).at(-1)!.split(" ");
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    return { parent: Number(parent), args };
  } catch {
    return null;
  }
}

function entryOfPs(pid: number): ProcessEntry | null {
  if (process.platform === "win32") return null;
  try {
    const listed = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8", stdio: "pipe" });
    const [parent, ...args] = listed.trim().split(/\s+/);
    return parent ? { parent: Number(parent), args } : null;
  } catch {
    return null;
  }
}
