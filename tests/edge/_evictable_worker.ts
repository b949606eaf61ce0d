/** The Worker of the example, whose object can be evicted at will, as Cloudflare does: POST /evict. */
import {
  type ObjectContext,
  type ReplicaEnvironment,
  ReplicaObject,
  replicaWorker,
} from "../../src/runtime/cloudflare.ts";

interface Context extends ObjectContext {
  /** Ends the object at once: its memory is lost, and requests that are under way break off. */
  abort(reason: string): void;
}

/** How often an object was made; the isolate outlives it. */
let starts = 0;

export class Replica extends ReplicaObject {
  readonly #abort: (reason: string) => void;

  constructor(context: Context, env: ReplicaEnvironment) {
    super(context, env);
    this.#abort = (reason) => context.abort(reason);
    starts++;
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/starts") return Response.json(starts);
    if (pathname === "/evict") this.#abort("evicted");
    return await super.fetch(request);
  }
}

export default replicaWorker;
