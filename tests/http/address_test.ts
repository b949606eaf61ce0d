import { assertEquals, assertThrows } from "@std/assert";
import { parseIpAddress } from "../../src/http/middleware/ip_address.ts";
import { addressFromHeader, connectionAddress, networkOf } from "../../src/http/middleware/address.ts";

const request = new Request("https://a.test", { headers: { "x-forwarded-for": "6.6.6.6, 203.0.113.7,198.51.100.2" } });

Deno.test("the connection's address is found under Deno and Node.js, and is undefined where there is none", () => {
  assertEquals(connectionAddress(request, { remoteAddr: { hostname: "10.0.0.1" } }), "10.0.0.1");
  assertEquals(connectionAddress(request, { incoming: { socket: { remoteAddress: "::1" } } }), "::1");
  for (const none of [undefined, null, {}, { incoming: {} }]) assertEquals(connectionAddress(request, none), undefined);
});

Deno.test("the address in a header is the entry that our own proxy wrote, not what the caller put before it", () => {
  assertEquals(addressFromHeader("x-forwarded-for")(request, null), "198.51.100.2");
  assertEquals(addressFromHeader("X-Forwarded-For", 2)(request, null), "203.0.113.7");
  assertEquals(addressFromHeader("x-forwarded-for", 4)(request, null), undefined);
  assertEquals(addressFromHeader("cf-connecting-ip")(request, null), undefined);
  assertThrows(() => addressFromHeader("x", 0), RangeError, "proxies");
});

for (
  const [header, value, expected] of [
    ["x-forwarded-for", "203.0.113.7:4711", "203.0.113.7"],
    ["x-forwarded-for", "[2001:db8::1]:4711", "2001:db8:0:0:0:0:0:1"],
    ["x-forwarded-for", "2001:db8::1", "2001:db8:0:0:0:0:0:1"],
    ["x-forwarded-for", "6.6.6.6, [::ffff:203.0.113.7]:80", "203.0.113.7"],
    ["x-forwarded-for", "unknown", "192.0.2.1"],
    ["x-forwarded-for", "6.6.6.6,", "192.0.2.1"],
    ["x-forwarded-for", "203.0.113.700", "192.0.2.1"],
    ["x-forwarded-for", "203.0.113.7, ".repeat(1_000), "192.0.2.1"],
    ["forwarded", "for=203.0.113.7", "203.0.113.7"],
    ["Forwarded", 'for=6.6.6.6, For="[2001:db8::1]:4711";proto=https;by=10.0.0.1', "2001:db8:0:0:0:0:0:1"],
    ["forwarded", 'proto=http;for="203.0.113.7:80"', "203.0.113.7"],
    ["forwarded", 'by="a,for=6.6.6.6;b";for=203.0.113.7', "203.0.113.7"],
    ["forwarded", "for=_hidden", "192.0.2.1"],
    ["forwarded", "proto=https", "192.0.2.1"],
  ] as const
) {
  Deno.test(`the address in ${header}: ${value.slice(0, 80)} is ${expected}`, () => {
    const request = new Request("https://a.test", { headers: { [header]: value } });
    assertEquals(addressFromHeader(header)(request, { remoteAddr: { hostname: "192.0.2.1" } }), expected);
  });
}

for (
  const wrong of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "::1::",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "g::1",
    "[::1",
    "::1.2.3.999",
  ]
) {
  Deno.test(`${JSON.stringify(wrong)} is not an IP address`, () => assertEquals(parseIpAddress(wrong), undefined));
}

for (
  const [address, network] of [
    ["203.0.113.7:80", "203.0.113.7"],
    ["[2001:db8:1:2::9]:80", "2001:db8:1:2::/64"],
    ["::ffff:cb00:7107", "203.0.113.7"],
    ["64:ff9b::203.0.113.7", "203.0.113.7"],
    ["1:2:3:4:5:6:7::", "1:2:3:4::/64"],
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
