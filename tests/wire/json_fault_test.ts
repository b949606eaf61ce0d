import { assert, assertEquals } from "@std/assert";
import { jsonFault } from "../../src/wire/mod.ts";
import { Random } from "../../src/testing/random.ts";

Deno.test("a fault in JSON has a line, a column, and what was expected", () => {
  const faults: Readonly<Record<string, string>> = {
    "": "line 1, column 1: expected a value",
    " \n ": "line 2, column 2: expected a value",
    "{": "line 1, column 2: expected a name in double quotes or }",
    '{\n  "a": 1,\n}': "line 3, column 1: expected a name in double quotes",
    '{\r\n  "a": [1,\r\n  ]\r\n}': "line 3, column 3: expected a value",
    '{"a" 1}': "line 1, column 6: expected a colon",
    '{"a": 1 "b": 2}': "line 1, column 9: expected a comma or }",
    '["a" "b"]': "line 1, column 6: expected a comma or ]",
    "[,]": "line 1, column 2: expected a value or ]",
    "{} // x": "line 1, column 4: expected the end",
    "{'a': 1}": "line 1, column 2: expected a name in double quotes or }",
    "[01]": "line 1, column 2: expected a value or ]",
    "[NaN]": "line 1, column 2: expected a value or ]",
    '["\t"]': "line 1, column 2: expected a value or ]",
    '\ufeff{"a": tru}': "line 1, column 8: expected a value",
  };
  for (const [text, expected] of Object.entries(faults)) assertEquals(jsonFault(text), expected, JSON.stringify(text));
});

Deno.test("a text has a fault if JSON.parse refuses it, and only then", () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const parts = [
    '{"a":',
    "1",
    "-0.5e+3",
    "[",
    "]",
    "}",
    ",",
    '"b"',
    '"\\u00e9\\n"',
    ":",
    " ",
    "\n",
    "true",
    "null",
    "0",
    ".",
    "'",
    "e",
  ];
  const whole = JSON.stringify({ a: [1, -2.5e-7, 'x\n\\"é', { b: null, c: [true, [], {}] }], d: false });
  const source = new Random(1);
  const random = () => source.next();
  let valid = 0;
  for (let i = 0; i < 20_000; i++) {
    const at = Math.floor(random() * whole.length);
    const made = Array.from({ length: 1 + Math.floor(random() * 6) }, () => parts[Math.floor(random() * parts.length)]);
    const text = i % 2 === 0
      ? made.join("")
      : whole.slice(0, at) + made[0] + whole.slice(at + Math.floor(random() * 3));
    assertEquals(jsonFault(text) === null, isJson(text), JSON.stringify(text));
    if (isJson(text)) valid++;
  }
  assert(valid > 500, String(valid));
  assertEquals(jsonFault("[".repeat(200_000)), "line 1, column 200001: expected a value or ]");
  assertEquals(jsonFault(`"${"x".repeat(5_000_000)}"`), null);
});
