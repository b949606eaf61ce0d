// The module itself throws if a candidate does not give back what it was given.
Deno.test("every candidate for the wire format decodes what it encoded", async () => {
  await import("./codec_bench.ts");
});
