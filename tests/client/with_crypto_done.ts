/**
 * Web Crypto can't be called off: a reply that came too late to count may still be being verified when a test is over,
 * which the test runner takes for a leak.
 */
const pending = new Set<Promise<unknown>>();

for (const name of ["sign", "verify", "digest", "importKey", "exportKey"] as const) {
  const original = crypto.subtle[name].bind(crypto.subtle) as (...args: unknown[]) => Promise<unknown>;
  Object.defineProperty(crypto.subtle, name, {
    value: (...args: unknown[]) => {
      const call = original(...args);
      const watched = call.catch(() => {}).finally(() => pending.delete(watched));
      pending.add(watched);
      return call;
    },
  });
}

/** Resolves when nothing goes on any more that only waits for Web Crypto. */
export async function cryptoDone(): Promise<void> {
  for (let quietTurns = 0; quietTurns < 3; quietTurns++) {
    if (pending.size > 0) quietTurns = 0;
    await Promise.all(pending);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** A test that ends when what it has Web Crypto do has ended, too. */
export function test(name: string, run: () => void | Promise<void>): void {
  Deno.test(name, async () => {
    await run();
    await cryptoDone();
  });
}
