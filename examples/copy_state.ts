/**
 * Copies the key-value state of one cluster to another: when members or keys have to change, which needs a new genesis. Stop the old
 * cluster's other clients first: what they write meanwhile may be missed.
 *
 *     deno run -A examples/copy_state.ts OLD_CLUSTER_FILE NEW_CLUSTER_FILE
 */
import { Client, parseClusterText } from "@pbft/edge/client";
import type { StandardSchema } from "@pbft/edge/machine";
import type { KeyValueResults } from "@pbft/edge/machines";

const [from, to] = Deno.args;
if (from === undefined || to === undefined) {
  throw new TypeError("expected two cluster files, the old one and the new one");
}
const open = (path: string) => new Client({ cluster: parseClusterText(Deno.readTextFileSync(path)) });
const [source, target] = [open(from), open(to)];

/** A page of keys. Any other answer ends the copy. A schema of zod or valibot can stand in its place. */
const keys: StandardSchema<KeyValueResults["keys"]> = {
  "~standard": {
    version: 1,
    vendor: "copy_state",
    validate: (value) => isPage(value) ? { value } : { issues: [{ message: "expected a page of keys" }] },
  },
};
function isPage(value: unknown): value is KeyValueResults["keys"] {
  return typeof value === "object" && value !== null && "keys" in value && "truncated" in value &&
    Array.isArray(value.keys) && value.keys.every((key) => typeof key === "string") &&
    typeof value.truncated === "boolean";
}

let copied = 0;
for (let after: string | undefined, more = true; more;) {
  const page = await source.query({ op: "keys", prefix: "", ...(after !== undefined && { after }) }, { schema: keys });
  await Promise.all(page.keys.map(async (key) => {
    const value = await source.query({ op: "get", key });
    await target.invoke({ op: "set", key, value });
  }));
  copied += page.keys.length;
  after = page.keys.at(-1);
  more = page.truncated;
}
console.log(`${copied} keys copied`);
source.close();
target.close();
