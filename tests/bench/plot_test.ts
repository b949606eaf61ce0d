import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Drawn, plotOf } from "./plot.ts";

const exactly = (value: number) => ({ median: value, min: value, max: value });

Deno.test("the plot is an SVG file with a line for each kind of work and side, and a number at each point", () => {
  const results = ["this", "before"].flatMap((side) =>
    (["bundled", "alone"] as const).flatMap((kind) =>
      [1, 50, 200].map((callers): Drawn => ({
        side,
        kind,
        callers,
        operationsPerSecond: exactly(100 * callers),
        p50Ms: exactly(7 + callers / 10),
      }))
    )
  );
  const svg = plotOf(results);
  assertStringIncludes(svg, 'xmlns="http://www.w3.org/2000/svg"');
  for (const line of ["bundled, this", "alone, this", "bundled, before", "alone, before"]) {
    assertStringIncludes(svg, `>${line}<`);
  }
  assertEquals(svg.match(/<circle/g)?.length, results.length);
});
