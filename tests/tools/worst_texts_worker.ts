/**
 * Works through texts that a hostile sender would choose, and says so. Whoever started it ends it if it takes for ever.
 * @module
 */
import { addressFromHeader } from "../../src/http/middleware/address.ts";
import { inexactNumber } from "../../src/wire/mod.ts";

const LONG = 1_000_000;
const zeros = "0".repeat(LONG);

/** What is done with each text, by a name. */
const WORK: Readonly<Record<string, () => unknown>> = {
  "a number with zeros in its fraction": () => inexactNumber(`{"a":1.${zeros}1}`),
  "a number with zeros in its middle": () => inexactNumber(`{"a":1${zeros}1e-${LONG}}`),
  "a number with zeros in its exponent": () => inexactNumber(`{"a":1e${zeros}1}`),
  "a number of many digits": () => inexactNumber(`{"a":${"1".repeat(LONG)}}`),
  "many quotes in Forwarded": () => forwarded('"' + '\\"'.repeat(2_000)),
  "many spaces in Forwarded": () => forwarded(`for=x${" ".repeat(4_000)}y`),
  "many backslashes in Forwarded": () => forwarded(`"${"\\".repeat(4_000)}"`),
};

/** One such header takes little time in any case: it is short. */
function forwarded(value: string): void {
  const addressOf = addressFromHeader("forwarded");
  const request = new Request("https://a.test", { headers: { forwarded: value } });
  for (let i = 0; i < 4_000; i++) addressOf(request, null);
}

/** The names of {@linkcode WORK}. */
export const WORST_TEXTS: readonly string[] = Object.keys(WORK);

if ("postMessage" in globalThis && "onmessage" in globalThis) {
  const worker = globalThis as unknown as Worker;
  worker.onmessage = ({ data }: MessageEvent<string>) => {
    WORK[data]!();
    worker.postMessage("done");
  };
}
