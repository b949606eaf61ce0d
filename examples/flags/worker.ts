/** The entry of a member on Cloudflare; ../cloudflare/README.md says the rest. */
import { type ObjectContext, type ReplicaEnvironment, ReplicaObject, replicaWorker } from "@pbft/edge/cloudflare";
import { flags } from "./machine.ts";

/** The object; wrangler.jsonc names this class. */
export class Replica extends ReplicaObject {
  constructor(context: ObjectContext, env: ReplicaEnvironment) {
    super(context, env, { stateMachine: flags });
  }
}

export default replicaWorker;
