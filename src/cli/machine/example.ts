/**
 * An operation of a machine that a person can try at once.
 * @module
 */
import { callSeeded } from "../../testing/machine/guard.ts";
import { Random } from "../../testing/random.ts";
import type { Workload } from "../../testing/plan/workload.ts";

/** A call of a typed machine. */
export interface Example {
  /** The name of the operation. */
  readonly op: string;
  /** Its input; `undefined`: it has none. */
  readonly input?: unknown;
}

/** A longer input is no example, characters. */
const MAX_INPUT = 100;

/** The first call that a workload draws; `null`: it draws no call that is short and of a typed machine. */
export function exampleOf(
  workload: Pick<Workload, "operation"> | undefined,
  operations: readonly string[],
): Example | null {
  if (!workload) return null;
  try {
    const bytes = callSeeded(() => workload.operation(new Random(1), 1), 1);
    const { op, input, ...more } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const isCall = operations.includes(op) && Object.keys(more).length === 0;
    return isCall && (JSON.stringify(input) ?? "").length <= MAX_INPUT ? { op, input } : null;
  } catch {
    return null; // The simulator says what is wrong with a workload.
  }
}

/** How an operation is called in a shell, and the names of some others. Without an example its input is left open. */
export function callText(example: Example | null, operations: readonly string[]): string {
  const [first = "OPERATION"] = operations;
  const { op, input } = example ?? { op: first, input: undefined };
  const text = example ? JSON.stringify(input) : '{"…": …}';
  const others = operations.filter((name) => name !== op);
  const more = others.length > 0 ? `   (or ${others.slice(0, 6).join(", ")}${others.length > 6 ? ", …" : ""})` : "";
  return `${op}${text === undefined ? "" : ` '${text.replaceAll("'", `'\\''`)}'`}${more}`;
}
