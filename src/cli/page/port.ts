/**
 * The port of the live page.
 * @module
 */

/** One below those of the replicas of `cluster`. Another free one is taken if it is in use. */
export const PAGE_PORT = 1110;
