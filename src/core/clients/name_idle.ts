/**
 * How long names of unsigned clients are remembered, at least. A client's bundle needs only this of the rules.
 * @module
 */

/**
 * The least `nameIdleMs`. A gateway's requests are valid for at most half of it; with less than this they would expire
 * before they are ordered.
 */
export const MIN_NAME_IDLE_MS = 1_000;
