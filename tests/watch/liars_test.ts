/** One replica that lies to a watcher, in every way: the others are enough, and it costs little. */
import { assertEquals } from "@std/assert";
import { type ChangeEvent, Client } from "../../src/client/mod.ts";
import { WatchedCluster } from "./_watched_cluster.ts";

type Liar = (init: RequestInit | undefined, honest: () => Promise<Response>) => Promise<Response>;

const stream = (pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>) =>
  Promise.resolve(new Response(new ReadableStream({ pull }, { highWaterMark: 0 })));
const bytes = (text: string) => new TextEncoder().encode(text);
const never = (init: RequestInit | undefined) =>
  new Promise<Response>((_, reject) => init?.signal?.addEventListener("abort", () => reject(new Error("aborted"))));

/** Passes an honest stream on, with its lines changed. */
const changed = (change: (line: string, i: number) => string | readonly string[]): Liar => async (_init, honest) => {
  const response = await honest();
  let [rest, count] = ["", 0];
  return new Response(
    response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(
      new TransformStream<string, string>({
        transform(chunk, controller) {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop()!;
          for (const line of lines) {
            for (const one of [change(line, count++)].flat()) controller.enqueue(`${one}\n`);
          }
        },
      }),
    ).pipeThrough(new TextEncoderStream()),
  );
};

const LIARS: Readonly<Record<string, Liar>> = {
  "never answers": (init) => never(init),
  "answers with an error": () => Promise.resolve(new Response("no", { status: 500 })),
  "says nothing": () => stream(() => new Promise(() => {})),
  "never ends a line": () => stream((controller) => controller.enqueue(bytes("x".repeat(64 * 1024)))),
  "sends byte by byte": () => stream((controller) => controller.enqueue(bytes("x"))),
  "sends empty lines without end": () => stream((controller) => controller.enqueue(bytes("\n".repeat(64 * 1024)))),
  "sends junk without end": () => stream((controller) => controller.enqueue(bytes("junk\n".repeat(1_000)))),
  "repeats each line": changed((line) => [line, line]),
  "omits every other line": changed((line, i) => i % 2 === 0 ? line : []),
  "changes values": changed((line) => line.replace(/"(\d+)"\]/, '"9999"]')),
  "is late": changed((_line, i) => i === 0 ? _line : []),
};

for (const [what, liar] of Object.entries(LIARS)) {
  Deno.test(`a replica that ${what} changes nothing of a watch`, async () => {
    const cluster = new WatchedCluster();
    await cluster.startAll();
    const fetch: typeof globalThis.fetch = (input, init) => {
      const isLiar = String(input).includes("replica-3") && String(input).includes("/watch");
      return isLiar ? liar(init, () => cluster.fetch(input, init)) : cluster.fetch(input, init);
    };
    const client = new Client({ cluster: cluster.cluster, fetch });
    try {
      const watch = client.watch({ prefix: "n" });
      await watch.begun;
      const values = [];
      for (let i = 0; i < 6; i++) {
        await client.invoke(`SET n${i % 3} ${i}`);
        const { value } = await watch.next();
        values.push((value as ChangeEvent).value);
      }
      assertEquals(values, Array.from({ length: 6 }, (_, i) => String(i)));
      await watch.return();
    } finally {
      client.close();
      await cluster.stopAll();
    }
  });
}
