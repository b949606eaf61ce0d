import { nextKey, setOperation } from "./operations.ts";
import type { Kind } from "./work.ts";

/** Each caller with its own client, key and signatures. */
export const alone: Kind = {
  what: "writes, each caller with a client of its own, which signs alone",
  start({ createClient, callers, payload }) {
    const clients = Array.from({ length: callers }, createClient);
    return {
      call: (caller) => clients[caller]!.submit(JSON.stringify(setOperation(nextKey(), payload))),
      close: () => clients.forEach((client) => client.close()),
    };
  },
};
