/**
 * Loads the code of polls with the first query, so that a page without queries never loads it.
 * @module
 */
import type * as Polling from "./poll.ts";

let polls: Promise<typeof Polling>;

/** The module that polls. */
export const polling = (): Promise<typeof Polling> => polls ??= import("./poll.ts");
