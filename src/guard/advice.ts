/**
 * What to use instead of what a state machine must not use.
 * @module
 */

/** Instead of clocks. */
export const TIME = "use the agreed time: ctx.time, or context.timestamp";
/** Instead of chance. */
export const CHANCE = "use ctx.random(), or derive numbers from the context";
/** Instead of the outside. */
export const OUTSIDE =
  "an operation reaches nothing outside; let the client ask, and send what came with the operation";
/** Instead of timers and promises. */
export const LATER = "an operation answers at once; let clients call again";
/** Instead of the locale. */
export const LOCALE = "compare and format without a locale, for example with <";
/** Instead of the time zone. */
export const ZONE = "time zones differ between hosts: use the methods of Date with UTC in their names, and Date.UTC()";
/** Instead of what the garbage collector decides. */
export const COLLECTOR = "what has been collected differs between replicas: keep what is needed in the state";
