/**
 * Waiting in tests for what other processes do.
 * @module
 */

const POLL_MS = 50;

/**
 * Asks again and again until it is so. A look counts as two pauses at most, however long it takes: on a machine that has no time for the test,
 * what it waits for has none either.
 * @throws {Error} if it isn't in time.
 */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  let waitedMs = 0;
  for (let at = performance.now(); !(await isSo());) {
    if (waitedMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    waitedMs += Math.min(performance.now() - at, 2 * POLL_MS);
    at = performance.now();
  }
}
