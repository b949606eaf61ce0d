import { nextKey } from "./operations.ts";
import type { Kind } from "./work.ts";

/** Reads without ordering, of all callers on one client. */
export const queries: Kind = {
  what: "reads of all callers by one client",
  start({ createClient }) {
    const client = createClient();
    return {
      call: () => client.query(JSON.stringify({ op: "get", key: nextKey() })),
      close: () => client.close(),
    };
  },
};
