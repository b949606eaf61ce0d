/**
 * What processes have used, from Linux's `/proc`. Elsewhere everything is `null`.
 * @module
 */

/** Clock ticks per second of `/proc/<pid>/stat`; 100 on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time of these processes together, user and system, ms. */
export function cpuMs(pids: readonly number[]): number | null {
  return sum(pids.map(processCpuMs));
}

/** CPU time that the whole machine has spent on anything, ms. */
export function machineCpuMs(): number | null {
  const line = read("/proc/stat")?.split("\n", 1)[0]?.trim().split(/\s+/);
  if (line === undefined) return null;
  const [user, nice, system, , , irq, softirq, steal] = line.slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) * 1000 / TICKS_PER_SECOND;
}

/** Resident memory of a process, bytes: now, or (`VmHWM`) the most that it had. */
export function residentBytes(pid: number, field: "VmRSS" | "VmHWM" = "VmRSS"): number | null {
  const line = read(`/proc/${pid}/status`)?.match(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m"));
  return line ? Number(line[1]) * 1024 : null;
}

/** The processes that a process has started and that still run. */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`)?.trim().split(" ").filter(Boolean).map(Number) ?? [];
}

function processCpuMs(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field, the command in parentheses, may hold spaces; user and system time are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS_PER_SECOND;
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce((total, value) => total === null || value === null ? null : total + value, 0);
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}
