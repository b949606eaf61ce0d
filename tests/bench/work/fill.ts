import { setOperation } from "./operations.ts";
import type { Kind } from "./work.ts";

/** The keys so far; a state only grows. */
let keys = 0;

/** All callers on one client, each write to a new key. */
export const fill: Kind = {
  what: "bundled writes to new keys, until the state has --keys of them",
  byCount: true,
  start({ createClient, payload }) {
    const client = createClient();
    return {
      call: () => client.submit(JSON.stringify(setOperation(`fill-${String(keys++).padStart(9, "0")}`, payload))),
      close: () => client.close(),
    };
  },
};
