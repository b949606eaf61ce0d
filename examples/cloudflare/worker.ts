/**
 * One replica in a Durable Object, and the Worker in front of it. Which one it is comes from variables and a secret; see the
 * README beside this file.
 */
import { ReplicaObject, replicaWorker } from "@pbft/edge/cloudflare";

/** The object; wrangler.jsonc names this class. */
export class Replica extends ReplicaObject {}

export default replicaWorker;
