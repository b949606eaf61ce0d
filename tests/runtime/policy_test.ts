import { assert, assertEquals, assertThrows } from "@std/assert";
import { policyFromVariables, type PolicyVariable } from "../../src/runtime/host/policy.ts";
import { keyPairOf } from "../node/_cluster.ts";

function read(variables: Partial<Record<PolicyVariable, string>>) {
  return policyFromVariables((name) => variables[name]);
}

Deno.test("without variables nothing is said", () => assertEquals(read({ PBFT_CLIENTS: " " }), {}));

Deno.test("variables say whom a replica serves", () => {
  const keys = [1, 2].map((i) => keyPairOf(i).publicKey);
  const { address, ...rest } = read({
    PBFT_CLIENTS: `${keys[0]},\n ${keys[1]}\n`,
    PBFT_CORS_ORIGINS: "https://a.example http://127.0.0.1:8080",
    PBFT_CLIENT_LIMIT: "20/100",
    PBFT_ADDRESS_LIMIT: "0.5",
    PBFT_ADDRESS_HEADER: "x-forwarded-for/2",
    PBFT_READERS: "203.0.113.7, 2001:db8::1",
    PBFT_READ_TOKEN: "a-token-of-24-characters\n",
    PBFT_HOSTS: "metrics.internal other",
    PBFT_EVENT_PAYLOADS: "yes",
  });
  assertEquals(rest, {
    admission: { allowlist: keys },
    corsOrigins: ["https://a.example", "http://127.0.0.1:8080"],
    clientLimit: { perSecond: 20, burst: 100 },
    addressLimit: { perSecond: 0.5 },
    readers: { addresses: ["203.0.113.7", "2001:db8::1"], token: "a-token-of-24-characters" },
    hosts: ["metrics.internal", "other"],
    hasEventPayloads: true,
  });
  assertEquals(read({ PBFT_READERS: "everybody", PBFT_HOSTS: "*" }), { readers: "everybody", hosts: ["*"] });
  const request = new Request("https://a.test", { headers: { "x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.0.0.1" } });
  assertEquals(address!(request, null), "203.0.113.7");
  assertEquals(read({ PBFT_CLIENTS: "open", PBFT_CORS_ORIGINS: "*" }), { admission: "open", corsOrigins: ["*"] });
});

for (
  const [name, value] of [
    ["PBFT_CLIENTS", "c0ffee"],
    ["PBFT_CLIENTS", "OPEN"],
    ["PBFT_CORS_ORIGINS", "app.example"],
    ["PBFT_CORS_ORIGINS", "https://app.example/"],
    ["PBFT_CLIENT_LIMIT", "0"],
    ["PBFT_CLIENT_LIMIT", "5/0"],
    ["PBFT_ADDRESS_LIMIT", "many"],
    ["PBFT_ADDRESS_HEADER", "x-forwarded-for/0"],
    ["PBFT_READERS", "example.com"],
    ["PBFT_READERS", "1.2.3.4 everybody"],
    ["PBFT_READ_TOKEN", "c0ffee"],
    ["PBFT_READ_TOKEN", "a token with a blank in it"],
    ["PBFT_HOSTS", "http://a.example"],
    ["PBFT_EVENT_PAYLOADS", "true"],
  ] as const
) {
  Deno.test(`${name}=${value} is refused by name`, () => {
    const { message } = assertThrows(() => read({ [name]: value }), TypeError);
    assert(message.startsWith(`${name}: expected`) && !message.includes("c0ffee"), message);
  });
}
