/**
 * Reads which replica a process runs from environment variables, for hosts without files, such as Deno Deploy and Cloudflare.
 * @module
 */
import { type ReplicaId, replicaId } from "../../core/messages/ids.ts";
import { parseStart, type Start } from "../../node/storage/start.ts";
import { type ClusterFile, parseClusterText } from "../../wire/mod.ts";

/** A replica's cluster, its place in it, and its key. */
export interface ReplicaIdentity {
  /** The genesis and the URLs of the members. */
  readonly cluster: ClusterFile;
  /** The member's number. */
  readonly self: ReplicaId;
  /** The member's Ed25519 seed, 64 hex digits. */
  readonly privateKey: string;
  /** The state of its store at the start. Default `resume`. */
  readonly start?: Start | undefined;
}

/**
 * Reads `PBFT_CLUSTER` (the cluster file as JSON), `PBFT_REPLICA` (the member's name or number), `PBFT_PRIVATE_KEY`, and `PBFT_START`.
 * @throws {TypeError} naming the variable that is missing or wrong. The error never contains the key.
 */
export function replicaFromVariables(get: (name: string) => string | undefined): ReplicaIdentity {
  const required = (name: string) => {
    const value = get(name)?.trim();
    if (value) return value;
    throw new TypeError(`${name}: expected a value, got nothing; the command \`init\` makes a cluster file and keys`);
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
 * Reads `PBFT_START`: `new`, `resume` or `recover`. The older `PBFT_LOST_DISK=1` means `recover`.
 * @throws {TypeError} if `PBFT_START` has another value.
 */
export function startFromVariables(get: (name: string) => string | undefined): Start | undefined {
  const text = get("PBFT_START")?.trim();
  if (text) return parseStart(text, "PBFT_START");
  return get("PBFT_LOST_DISK") === "1" ? "recover" : undefined;
}

/**
 * A member's number, from its name or its number. A number may be given in digits, unless a member has these digits as its name.
 * @throws {TypeError} naming `field`, if there is no such member.
 */
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
