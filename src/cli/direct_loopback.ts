/**
 * A command of this package speaks to replicas on this machine, whatever proxy the environment names.
 * @module
 */
import { noProxyForLoopback } from "../runtime/host/proxy.ts";

/** To be called before the first `fetch`, which reads the environment. Processes that are started later have it too. */
export function keepLoopbackDirect(): void {
  // Without the right to see the environment: whoever started this process has seen to it.
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return;
  const value = noProxyForLoopback((name) => Deno.env.get(name));
  if (value === undefined) return;
  Deno.env.set("NO_PROXY", value);
  Deno.env.set("no_proxy", value);
}
