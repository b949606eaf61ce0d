import { setOperation } from "./operations.ts";
import type { Kind } from "./work.ts";

/** A prime, and a stride: neighbours in time are none in the order of keys, and no key comes twice. */
const KEYS = 10_000_019;
const STRIDE = 7_919_777;

/** The keys so far; a state only grows. */
let keys = 0;

/** As `fill`, with each key at another place of the state: a checkpoint changes about one chunk for each write. */
export const scattered: Kind = {
  what: "bundled writes to new keys in no order, until the state has --keys of them",
  byCount: true,
  start({ createClient, payload }) {
    const client = createClient();
    const nextKey = () => `fill-${String(keys++ * STRIDE % KEYS).padStart(9, "0")}`;
    return {
      call: () => client.submit(JSON.stringify(setOperation(nextKey(), payload))),
      close: () => client.close(),
    };
  },
};
