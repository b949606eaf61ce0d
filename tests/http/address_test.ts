import { assertEquals, assertThrows } from "@std/assert";
import { addressFromHeader, connectionAddress, networkOf } from "../../src/http/address.ts";

const request = new Request("https://a.test", { headers: { "x-forwarded-for": "6.6.6.6, 203.0.113.7,198.51.100.2" } });

Deno.test("the connection's address is known under Deno and Node, and not where there is none", () => {
  assertEquals(connectionAddress(request, { remoteAddr: { hostname: "10.0.0.1" } }), "10.0.0.1");
  assertEquals(connectionAddress(request, { incoming: { socket: { remoteAddress: "::1" } } }), "::1");
  for (const none of [undefined, null, {}, { incoming: {} }]) assertEquals(connectionAddress(request, none), undefined);
});

Deno.test("of a header the entry counts that a proxy of ours wrote, not what the caller put before it", () => {
  assertEquals(addressFromHeader("x-forwarded-for")(request, null), "198.51.100.2");
  assertEquals(addressFromHeader("X-Forwarded-For", 2)(request, null), "203.0.113.7");
  assertEquals(addressFromHeader("x-forwarded-for", 4)(request, null), undefined);
  assertEquals(addressFromHeader("cf-connecting-ip")(request, null), undefined);
  assertThrows(() => addressFromHeader("x", 0), RangeError, "proxies");
});

for (
  const [address, network] of [
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["[FE80::1%eth0]", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ] as const
) {
  Deno.test(`${address} counts as ${network}`, () => assertEquals(networkOf(address), network));
}
