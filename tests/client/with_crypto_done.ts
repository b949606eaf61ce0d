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

/** A test that ends when what it has Web Crypto do has ended, too. */
export function test(name: string, run: () => void | Promise<void>): void {
  Deno.test(name, async () => {
    await run();
    while (pending.size > 0) await Promise.all(pending);
  });
}
