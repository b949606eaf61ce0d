/**
 * Whether a replica is behind the others.
 * @module
 */
import type { Step } from "../state.ts";

/** Whether the others, at least one correct one, are further than this replica. */
export function isBehind(step: Step): boolean {
  const { state } = step;
  if (state.transfer || state.ahead) return true;
  let ahead = 0;
  for (const executed of state.status.heard.values()) if (executed > state.lastExecuted) ahead++;
  return ahead > step.f;
}
