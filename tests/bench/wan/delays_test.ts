import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../../src/cli/cli_error.ts";
import { delaysOf, idealMs } from "./delays.ts";

Deno.test("one delay holds between any two places, and an operation takes five of them", () => {
  const delays = delaysOf([25], 4);
  assertEquals(delays[3]![3], 0);
  assertEquals(delays[3]![4], 25);
  assertEquals(idealMs(delays), 125);
  assertEquals(idealMs(delaysOf([25], 7)), 125);
});

Deno.test("with a delay for each backup the clients are beside the primary, and nobody waits for the slowest backup", () => {
  const delays = delaysOf([10, 40, 1_000], 4);
  assertEquals(delays[0], [0, 10, 40, 1_000, 0]);
  assertEquals(delays[2], [40, 40, 0, 1_000, 40]);
  // The primary and the second replica are prepared at 80, with the third's prepare, and committed at 90, with the other's commit. The
  // second's reply arrives at 100.
  assertEquals(idealMs(delays), 100);
});

Deno.test("a count of delays that fits no cluster is refused", () => {
  assertThrows(() => delaysOf([10, 40], 4), CliError, "--wan: expected 1 delay, or 3 for 4 replicas, got 2");
});
