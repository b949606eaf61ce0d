import { assertEquals, assertThrows } from "@std/assert";
import { toHexByTable } from "../../src/wire/codec/hex.ts";
import { fromHex, fromUtf8, toHex, utf8 } from "../../src/wire/mod.ts";

Deno.test("bytes become lower-case hex and back, with and without the built-in method", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const hex = toHex(all);
  assertEquals(hex.slice(0, 8) + hex.slice(-8), "00010203fcfdfeff");
  assertEquals(toHexByTable(all), hex);
  assertEquals(fromHex(hex), all);
  assertEquals(fromHex(""), new Uint8Array());
});

Deno.test("hex with other characters, upper case, or an odd number of digits is refused", () => {
  for (const bad of ["0", "0g", "g0", "AB", "0x12", "é0", "0é", "a\u0130", "  "]) {
    assertThrows(() => fromHex(bad), TypeError, "expected an even number of lower-case hex digits, got");
  }
});

Deno.test("text becomes UTF-8 and back, short and long, ASCII or not", () => {
  for (const text of ["", "ada", "ü", "a".repeat(100), "日本語".repeat(20), "𝔘", "\ufeff", "\u0000"]) {
    assertEquals(fromUtf8(utf8(text)), text);
  }
});

Deno.test("a lone surrogate can't be encoded, a pair can", () => {
  for (const bad of ["\ud800", "\udc00", "a\ud800b", "\udc00\ud800"]) {
    assertThrows(() => utf8(bad), TypeError, "expected well-formed text, got a lone surrogate");
  }
  assertEquals(utf8("\ud835\udd18").length, 4);
});

Deno.test("bytes that are not UTF-8 are refused", () => {
  for (const bad of ["ff", "c080", "eda080", "e282", "80"]) {
    assertThrows(() => fromUtf8(fromHex(bad)), TypeError, "expected UTF-8, got other bytes");
  }
});
