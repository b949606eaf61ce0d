/** Texts on which a careless parser takes the square of their length: hours for one request. Here they take milliseconds. */
import { assertEquals } from "@std/assert";
import { WORST_TEXTS } from "../tools/worst_texts_worker.ts";

/** More than enough on the slowest machine; the square takes far longer on the fastest. */
const FOR_EVER_MS = 60_000;

for (const name of WORST_TEXTS) {
  Deno.test(`${name} takes time in proportion to its length`, async () => {
    const worker = new Worker(new URL("../tools/worst_texts_worker.ts", import.meta.url), { type: "module" });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = await new Promise<string>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
      timer = setTimeout(() => resolve("it takes for ever"), FOR_EVER_MS);
      worker.postMessage(name);
    });
    clearTimeout(timer);
    worker.terminate();
    assertEquals(end, "done");
  });
}
