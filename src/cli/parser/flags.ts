/**
 * Flags that several verbs have.
 * @module
 */
import type { Flags } from "./verb.ts";

/** The cluster to talk to. */
export const CLUSTER_FLAG = {
  "cluster": {
    value: "FILE",
    isFile: true,
    help: "the cluster file: a path, a folder or a URL (./.pbft/cluster.json or ./pbft/cluster.json)",
  },
} as const satisfies Flags;

/** The file of the chain of epochs. */
export const CHAIN_FLAG = {
  "chain": {
    value: "FILE",
    isFile: true,
    help:
      "the file of the known chain of epochs; new links are stored in it (chain.json beside the cluster file). Or the chain itself, as JSON",
  },
} as const satisfies Flags;

/** How a verb that sends operations does so. */
export const CLIENT_FLAGS = {
  ...CLUSTER_FLAG,
  ...CHAIN_FLAG,
  "key": { value: "FILE", isFile: true, help: "the client's private key, made by pbft keygen (a new one each time)" },
  "timeout": { value: "TIME", help: "how long to wait for an answer: 500ms, 10s, 2m (10s)" },
} as const satisfies Flags;

/** Of what serves a page. */
export const OPEN_FLAG = { "open": { help: "open the page in the browser" } } as const satisfies Flags;

/** The machine of a module that exports several. */
export const EXPORT_FLAG = {
  "export": { value: "NAME", help: "the export of the file that makes the machine (default, or the only one)" },
} as const satisfies Flags;
