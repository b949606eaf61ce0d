import { nextKey, setOperation } from "./operations.ts";
import type { Kind } from "./work.ts";

/** All callers on one client, which puts waiting operations into one signed request. */
export const bundled: Kind = {
  what: "writes of all callers by one client, which bundles them",
  start({ createClient, payload }) {
    const client = createClient();
    return {
      call: () => client.submit(JSON.stringify(setOperation(nextKey(), payload))),
      close: () => client.close(),
    };
  },
};
