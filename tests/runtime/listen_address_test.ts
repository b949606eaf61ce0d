import { assertEquals } from "@std/assert";
import { isLoopback, listenAddress, urlOf } from "../../src/runtime/server/listen_address.ts";
import { noProxyForLoopback, proxyVariableFor, proxyWarning } from "../../src/runtime/host/proxy.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import { Listener } from "../../src/runtime/server/listener.ts";

Deno.test("a replica listens where it was told, or on its loopback address, or on all of IPv6 and IPv4", () => {
  assertEquals(listenAddress({}, "http://127.0.0.1:1111"), { hostname: "127.0.0.1", port: 1111 });
  assertEquals(listenAddress({}, "http://[::1]:1111"), { hostname: "::1", port: 1111 });
  assertEquals(listenAddress({}, "http://localhost:1111"), { hostname: "localhost", port: 1111 });
  for (const host of ["a.example", "203.0.113.7", "[2001:db8::1]", "127.example"]) {
    assertEquals(listenAddress({}, `http://${host}:1111`), { hostname: "::", port: 1111 });
  }
  assertEquals(listenAddress({ hostname: "0.0.0.0", port: 7 }, "https://a.example"), { hostname: "0.0.0.0", port: 7 });
  assertEquals(listenAddress({ hostname: "[::1]" }, "https://a.example"), { hostname: "::1", port: 443 });
});

Deno.test("a replica that listens on all addresses is reached by IPv4 and IPv6", async () => {
  const listener = new Listener({
    ...listenAddress({ port: 0 }, "http://a.example"),
    handler: () => new Response("here"),
    timer: systemTimer(),
    onAcceptFailed: () => {},
  });
  const { port } = listener.address;
  assertEquals(urlOf(listener.address), `http://localhost:${port}`);
  for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
    assertEquals(await (await fetch(`http://${host}:${port}/`)).text(), "here");
  }
  await listener.shutdown();
});

Deno.test("loopback is what no other machine reaches", () => {
  for (const host of ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "LOCALHOST"]) {
    assertEquals(isLoopback(host), true, host);
  }
  for (const host of ["example", "127.0.0.1.example", "0.0.0.0", "::", "10.0.0.1", "localhost.example"]) {
    assertEquals(isLoopback(host), false, host);
  }
});

Deno.test("a proxy that would catch what goes to this machine is named, and what exempts it is known", () => {
  const url = "http://127.0.0.1:1112";
  const env = (variables: Readonly<Record<string, string>>) => (name: string) => variables[name];
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
    assertEquals(proxyVariableFor(url, env({ [name]: "http://p:1" })), name);
    assertEquals(proxyWarning(["http://a.example", url], env({ [name]: "http://p:1" }))?.startsWith(name), true);
    const noProxy = noProxyForLoopback(env({ [name]: "http://p:1", NO_PROXY: "a.example" }))!;
    assertEquals(noProxy, "a.example,localhost,127.0.0.1,::1");
    for (const own of [url, "http://[::1]:1", "http://localhost:1", "https://localhost:1"]) {
      assertEquals(proxyVariableFor(own, env({ [name]: "http://p:1", NO_PROXY: noProxy })), undefined, own);
    }
    assertEquals(noProxyForLoopback(env({ [name]: "http://p:1", NO_PROXY: noProxy })), undefined);
  }
  assertEquals(proxyVariableFor(url, env({ HTTPS_PROXY: "http://p:1" })), undefined);
  assertEquals(proxyVariableFor("https://a.example", env({ HTTPS_PROXY: "http://p:1" })), "HTTPS_PROXY");
  assertEquals(
    proxyVariableFor("http://b.a.example", env({ HTTP_PROXY: "http://p:1", no_proxy: ".a.example" })),
    undefined,
  );
  assertEquals(proxyVariableFor(url, env({ HTTP_PROXY: "http://p:1", NO_PROXY: "*" })), undefined);
  assertEquals(proxyVariableFor(url, env({})), undefined);
  assertEquals(noProxyForLoopback(env({})), undefined);
});
