import { assertEquals } from "@std/assert";
import { inexactNumber } from "../../src/wire/mod.ts";

Deno.test("numbers that JavaScript rounds are found at any place", () => {
  for (
    const literal of ["9007199254740993", "-9007199254740993", "1e400", "-1e400", "1e-400", "0.12345678901234567890"]
  ) {
    for (const text of [literal, `[${literal}]`, `{"a":[1,{"b":${literal}}]}`, ` [ "x" , ${literal} ] `]) {
      assertEquals(inexactNumber(text), literal, text);
    }
  }
  assertEquals(inexactNumber("12345678901234567890123"), "12345678901234567890123");
  assertEquals(inexactNumber('["1e400",1e400]'), "1e400");
});

Deno.test("numbers that JavaScript represents exactly are not found, however they are written", () => {
  const texts = [
    "0",
    "-0",
    "0.0",
    "1.10",
    "1e3",
    "1.5E+3",
    "0.1",
    "9007199254740991",
    "9007199254740992",
    "1e21",
    "100e-2",
  ];
  for (const text of texts) assertEquals(inexactNumber(text), undefined, text);
  for (const text of ["1.7976931348623157e308", "5e-324", "1180591620717411303424", "123456789012345680000"]) {
    assertEquals(inexactNumber(text), undefined, text);
  }
  for (
    const text of [
      '"9007199254740993"',
      '{"9007199254740993":"1e400"}',
      '"\\"9007199254740993"',
      '"a\\\\"',
      '"😀1e400"',
    ]
  ) {
    assertEquals(inexactNumber(text), undefined, text);
  }
});

Deno.test("every number that JavaScript writes is exact", () => {
  let seed = 7;
  const random = () => (seed = Math.imul(seed, 1_103_515_245) + 12_345 >>> 0) / 2 ** 32;
  for (let i = 0; i < 20_000; i++) {
    const value = (random() - 0.5) * 10 ** Math.floor(random() * 600 - 300);
    assertEquals(inexactNumber(JSON.stringify([value, Math.round(value)])), undefined, String(value));
  }
});
