/**
 * Loads polls with the first query: a page that asks none does without.
 * @module
 */
import type * as Polling from "./poll.ts";

let polls: Promise<typeof Polling>;

/** The module that polls. */
export const polling = (): Promise<typeof Polling> => polls ??= import("./poll.ts");
