/**
 * Draws a plan of any kind from a seed.
 * @module
 */
import { http } from "../kinds/clients.ts";
import { epochs } from "../kinds/epochs.ts";
import { type DrawOptions, drawWith } from "./draw.ts";
import type { Plan } from "./plan.ts";

/** Draws the plan of a seed. */
export function drawPlan(seed: number, options: DrawOptions = {}): Plan {
  return drawWith({ epochs, http }, seed, options);
}
