/**
 * Which replica a process is, as its environment says: where there are no files, as on Deno Deploy and Cloudflare.
 * @module
 */
import { type ReplicaId, replicaId } from "../../core/messages/ids.ts";
import { parseStart, type Start } from "../../node/storage/start.ts";
import { type ClusterFile, parseClusterText } from "../../wire/mod.ts";

/** Which replica of which cluster, and its key. */
export interface ReplicaIdentity {
  /** The cluster, and where its members are. */
  readonly cluster: ClusterFile;
  /** The member's number. */
  readonly self: ReplicaId;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** What its store is; `undefined`: what it did before. */
  readonly start?: Start | undefined;
}

/**
 * Reads `PBFT_CLUSTER` (the cluster file, as JSON), `PBFT_REPLICA` (the member's name or number), `PBFT_PRIVATE_KEY`, and `PBFT_START`.
 * @throws {TypeError} naming the variable that is missing or wrong; never with the key in it.
 */
export function replicaFromVariables(get: (name: string) => string | undefined): ReplicaIdentity {
  const required = (name: string) => {
    const value = get(name)?.trim();
    if (value) return value;
    throw new TypeError(`${name}: expected a value, got nothing; \`cli init\` makes one`);
  };
  const cluster = parseCluster(required("PBFT_CLUSTER"));
  const privateKey = required("PBFT_PRIVATE_KEY");
  if (!/^[0-9a-f]{64}$/.test(privateKey)) {
    throw new TypeError("PBFT_PRIVATE_KEY: expected 64 lower-case hex digits, got something else");
  }
  const self = memberId(cluster, required("PBFT_REPLICA"), "PBFT_REPLICA");
  return { cluster, self, privateKey, start: startFromVariables(get) };
}

/**
 * Reads `PBFT_START`: `new`, `resume` or `recover`; `PBFT_LOST_DISK=1`, as it was called before, is `recover`.
 * @throws {TypeError} if it is something else.
 */
export function startFromVariables(get: (name: string) => string | undefined): Start | undefined {
  const text = get("PBFT_START")?.trim();
  if (text) return parseStart(text, "PBFT_START");
  return get("PBFT_LOST_DISK") === "1" ? "recover" : undefined;
}

/** The number of a member by its name, or its number, as digits too where nobody has that name. @throws {TypeError} if there is none, naming `field`. */
export function memberId({ genesis }: ClusterFile, self: string | ReplicaId, field = "self"): ReplicaId {
  const names = genesis.replicas.map(({ name }) => name);
  const named = names.indexOf(self as string);
  const index = named < 0 && (typeof self === "number" || /^\d{1,6}$/.test(self)) ? Number(self) : named;
  if (names[index] !== undefined) return replicaId(index);
  throw new TypeError(`${field}: expected one of ${names.join(", ")} or its number, got ${JSON.stringify(self)}`);
}

function parseCluster(json: string): ClusterFile {
  try {
    return parseClusterText(json);
  } catch (error) {
    throw new TypeError(`PBFT_CLUSTER: ${(error as Error).message}`);
  }
}
