/**
 * The table of an attack, and its verdict.
 * @module
 */
import type { Figures } from "./gauges.ts";
import type { Done } from "./strangers.ts";

/** What an attack came to. */
export interface Outcome {
  /** Before it. */
  readonly quiet: Figures;
  /** During it. */
  readonly attacked: Figures;
  readonly done: readonly Done[];
  /** What callers were told instead of the right answer. */
  readonly errors: readonly string[];
}

/** The most that a replica's memory may grow, bytes. */
const MAX_GROWTH = 150e6;
/** Answers that take less than this are never too slow, ms: what a few callers wait on an idle machine is mostly noise. */
const LEAST_P99_MS = 25;
/** Lines shown of each kind of fault. */
const MAX_SHOWN = 5;

/** What must not be; empty if the callers did not notice the attack. */
export function verdictOf(
  { quiet, attacked, done, errors }: Outcome,
  { p99Factor }: { readonly p99Factor: number },
): readonly string[] {
  const faults = errors.slice(0, MAX_SHOWN).map((error) => `error: ${error}`);
  const { viewChanges, retries } = attacked;
  if (retries.length > 0) faults.push(`callers of /req had to ask again ${retries.length} times: ${countsOf(retries)}`);
  if (viewChanges.length > 0) faults.push(`${viewChanges.length} lines about view changes`);
  faults.push(...viewChanges.slice(0, MAX_SHOWN));
  for (const { name, firstBytes, mostBytes } of attacked.replicas) {
    const grown = (mostBytes ?? 0) - (firstBytes ?? 0);
    if (grown > MAX_GROWTH) faults.push(`${name} has grown by ${megabytes(grown)}, allowed: ${megabytes(MAX_GROWTH)}`);
  }
  for (const [i, { way, p99Ms }] of attacked.callers.entries()) {
    const most = p99Factor * Math.max(LEAST_P99_MS, quiet.callers[i]!.p99Ms);
    if (!(p99Ms <= most)) faults.push(`${way}: p99 of ${p99Ms.toFixed(0)} ms, allowed: ${most.toFixed(0)} ms`);
  }
  for (const { kind, error, bytes } of done) {
    if (error) faults.push(`the attack "${kind}" broke: ${error}`);
    else if (bytes === 0) faults.push(`the attack "${kind}" has sent nothing`);
  }
  return faults;
}

/** The figures as text. */
export function reportOf({ quiet, attacked, done }: Outcome): string {
  const lines = ["replica    memory before    most during    CPU without    with"];
  for (const [i, { name, firstBytes, mostBytes, cpu }] of attacked.replicas.entries()) {
    const before = percent(quiet.replicas[i]!.cpu);
    lines.push(
      row([name, 8], [megabytes(firstBytes), 16], [megabytes(mostBytes), 15], [before, 15], [percent(cpu), 8]),
    );
  }
  lines.push("", "callers     per second without    with    p99 ms without    with    longest without    with");
  for (const [i, { way, perSecond, p99Ms, longestMs }] of attacked.callers.entries()) {
    const was = quiet.callers[i]!;
    lines.push(row(
      ...[[way, 8], [was.perSecond.toFixed(0), 22], [perSecond.toFixed(0), 8]] as const,
      ...[[was.p99Ms.toFixed(0), 18], [p99Ms.toFixed(0), 8]] as const,
      ...[[was.longestMs.toFixed(0), 19], [longestMs.toFixed(0), 8]] as const,
    ));
  }
  lines.push("", `attackers: ${percent(attacked.strangersCpu)} of a core`);
  for (const { kind, bytes, answers } of done) {
    const told = Object.entries(answers).map(([what, times]) => `${what} x ${times}`).join(", ");
    lines.push(`  ${kind}: ${megabytes(bytes)}; ${told || "no answers"}`);
  }
  return lines.join("\n");
}

function row([first, width]: readonly [string, number], ...rest: readonly (readonly [string, number])[]): string {
  return first.padEnd(width) + rest.map(([text, width]) => text.padStart(width)).join("");
}

function countsOf(values: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, times]) => `${value} x ${times}`).join(", ");
}

function megabytes(bytes: number | null): string {
  return bytes === null ? "?" : `${(bytes / 1e6).toFixed(1)} MB`;
}

function percent(share: number | null): string {
  return share === null ? "?" : `${(100 * share).toFixed(0)} %`;
}
