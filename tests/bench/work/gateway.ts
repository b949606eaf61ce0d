import { nextKey, setOperation } from "./operations.ts";
import type { Kind } from "./work.ts";

/** Unsigned requests to the first member, which is the primary as long as nothing fails. */
export const gateway: Kind = {
  what: "writes by POST /req to the first member",
  start({ cluster, payload }) {
    const { genesis, urls } = cluster;
    const url = `${urls[genesis.replicas[0]!.name]}/req`;
    const headers = { "content-type": "application/json" };
    return {
      async call(caller) {
        const body = JSON.stringify({ clientID: `caller-${caller}`, operation: setOperation(nextKey(), payload) });
        const response = await fetch(url, { method: "POST", headers, body });
        const text = await response.text();
        if (!response.ok) throw new Error(`/req: expected 200, got ${response.status}: ${text.slice(0, 200)}`);
      },
      close() {},
    };
  },
};
