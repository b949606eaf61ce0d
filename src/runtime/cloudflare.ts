/**
 * A replica in a Cloudflare Durable Object. Messages come as requests to the object, the object's SQLite database is the
 * store, and the object's alarm wakes the replica.
 * @module
 */
import { ConnectionPool, type OutgoingLimits } from "../http/connections/pool.ts";
import { httpSource } from "../http/peers/member_source.ts";
import { addressFromHeader, createApp, problem } from "../http/mod.ts";
import {
  type DurableObjectStorage,
  DurableObjectStore,
  type SqlStorage,
  type SqlValue,
} from "../stores/durable_object.ts";
import { EDGE_SETTINGS } from "./host/edge_settings.ts";
import { fillFromOrigin } from "./host/origin.ts";
import type { SnapshotStorage } from "../snapshot/storage/storage.ts";
import { DURABLE_OBJECT_LIMITS } from "../stores/platform_limits.ts";
import { MAX_BODY_BYTES, readClusterText } from "../wire/mod.ts";
import { memberId, replicaFromVariables, storeName } from "./identity/environment.ts";
import { checkMember, createKeyValue } from "./identity/member_place.ts";
import { type AlarmStorage, ObjectTimer } from "./host/object_timer.ts";
import type { HostOptions } from "./host/options.ts";
import { type Fields, type Level, Log, type LogEntry, type LogFormat, type LogOptions } from "./log/log.ts";
import { logFromVariable } from "./log/variable.ts";
import { type Policy, policyFromVariables, type PolicyVariable } from "./host/policy.ts";
import { type MemberHost, openMemberHost } from "./host/member_host.ts";
import { transportOf } from "./host/transport.ts";

export {
  type AlarmStorage,
  type DurableObjectStorage,
  DurableObjectStore,
  EDGE_SETTINGS,
  type Fields,
  type HostOptions,
  type Level,
  Log,
  type LogEntry,
  type LogFormat,
  type LogOptions,
  type OutgoingLimits,
  type Policy,
  policyFromVariables,
  type PolicyVariable,
  type SqlStorage,
  type SqlValue,
};

/** The object's context, `ctx`, as the runtime gives it. */
export interface ObjectContext {
  /** Its storage and its alarm. */
  readonly storage: DurableObjectStorage & AlarmStorage;
  /** Keeps the object until the promise is settled. */
  waitUntil(promise: Promise<unknown>): void;
}

/** The Worker's variables and secrets. {@linkcode policyFromVariables} describes the optional ones. */
export interface ReplicaEnvironment extends Readonly<Partial<Record<PolicyVariable, string>>> {
  /** The cluster file, as JSON. */
  readonly PBFT_CLUSTER: string;
  /** The member's name. */
  readonly PBFT_REPLICA: string;
  /** A secret: the member's Ed25519 seed, 64 hex digits. */
  readonly PBFT_PRIVATE_KEY: string;
  /** How the log is written: `text`, `json` or `none`. `text` if left out. */
  readonly PBFT_LOG?: string;
  /** The state of the object's database: `new` if the member has never run; `recover`, for one start, if the database was lost. */
  readonly PBFT_START?: string;
  /** For a member of later epochs only: URLs of running members to ask for the chain of epochs. */
  readonly PBFT_JOIN?: string;
  /** For such a member: the chain of epochs, as `pbft members chain` prints it, if there is room. */
  readonly PBFT_CHAIN?: string;
}

/** The environment of the Worker's own `fetch`: the variables, and the object's class as a binding. */
export interface WorkerEnvironment extends ReplicaEnvironment {
  /** The namespace of {@linkcode ReplicaObject}. */
  readonly REPLICA: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

/**
 * Options of a class that extends {@linkcode ReplicaObject}. `settings` replace single values of {@linkcode EDGE_SETTINGS}.
 * Without `observers` there is one: a {@linkcode Log} in the format that `PBFT_LOG` names.
 */
export interface ReplicaObjectOptions extends HostOptions {
  /**
   * Where the snapshot is with which a new cluster begins ({@linkcode Genesis.origin}), such as an R2 bucket. It is read at the first
   * start, with `PBFT_START=new`. Members without it fetch the state from the others.
   */
  readonly origin?: SnapshotStorage;
  /**
   * Bounds on the requests that the object sends. Default: six connections, and 50 requests for each request or alarm that comes in, as on the
   * free plan. What does not fit goes out later. An archive or observers of your own that call `fetch` or a binding are not counted: leave
   * room for them.
   */
  readonly outgoing?: Partial<OutgoingLimits>;
}

/** Memory for what waits for one peer: an object has 128 MB for up to 27 of them. */
const OBJECT_LIMITS = { maxOutboxBytes: MAX_BODY_BYTES + 1024 * 1024, maxOutboxBulkBytes: 2 * 1024 * 1024 };

/**
 * The class of the object that is one replica. An object may be stopped at any moment; it is opened again by the next
 * request, or by its alarm.
 *
 * @example
 * ```ts ignore
 * import { ReplicaObject, type WorkerEnvironment, replicaWorker } from "@pbft/edge/cloudflare";
 * export class Replica extends ReplicaObject {}
 * export default replicaWorker;
 * ```
 */
export class ReplicaObject {
  readonly #context: ObjectContext;
  readonly #env: ReplicaEnvironment;
  readonly #options: ReplicaObjectOptions;
  readonly #timer: ObjectTimer;
  readonly #connections: ConnectionPool;
  #opening: Promise<MemberHost> | null = null;

  /** Called by the runtime with the first two. Opens nothing yet. */
  constructor(context: ObjectContext, env: ReplicaEnvironment, options: ReplicaObjectOptions = {}) {
    this.#context = context;
    this.#env = env;
    this.#options = options;
    const timer = this.#timer = new ObjectTimer(context.storage);
    const { maxConnections, maxSubrequests: maxRequestsPerTurn } = DURABLE_OBJECT_LIMITS;
    const limits = { maxConnections, maxRequestsPerTurn, ...options.outgoing };
    this.#connections = new ConnectionPool({ ...limits, timer, onTurnUsed: () => timer.wantTurn() });
  }

  /** Answers one request. Messages that the request causes are sent after the answer. */
  async fetch(request: Request): Promise<Response> {
    this.#beginTurn();
    try {
      const { member, fetch } = await this.#opened();
      const response = await fetch(request);
      if (member.node) this.#context.waitUntil(member.node.sent());
      return response;
    } catch (error) {
      await discard(request);
      const detail = `the replica can't be opened: ${(error as Error).message}`;
      return problem("unavailable", { detail, headers: { "retry-after": "5" } });
    }
  }

  /** The alarm: runs the timers that are due. */
  async alarm(): Promise<void> {
    this.#beginTurn();
    const { member } = await this.#opened();
    this.#timer.onAlarm();
    this.#context.waitUntil(member.poke());
    await Promise.race([member.node?.wake(), this.#timer.turnUsed]);
  }

  /** The platform counts requests anew for each one, and each alarm, that comes in. */
  #beginTurn(): void {
    this.#timer.turnBegan();
    this.#connections.beginTurn();
  }

  #opened(): Promise<MemberHost> {
    return this.#opening ??= this.#open().catch((error) => {
      this.#opening = null;
      throw error;
    });
  }

  async #open(): Promise<MemberHost> {
    const { stateMachine = createKeyValue, settings, app } = this.#options;
    const variable = (name: string) => this.#env[name as keyof ReplicaEnvironment];
    const identity = replicaFromVariables(variable);
    const { cluster, privateKey, start, chain, join } = identity;
    const timer = this.#timer;
    const log = logFromVariable(variable, identity, timer);
    const observers = this.#options.observers ?? (log ? [log] : []);
    // Cloudflare itself writes this header, whatever the caller wrote there.
    const address = addressFromHeader("cf-connecting-ip");
    const onInternalError = (error: Error) => log?.defect("a request met a defect", error);
    const policy = { address, onInternalError, ...policyFromVariables(variable), ...app };
    checkMember({ ...identity, settings, stateMachine });
    const store = new DurableObjectStore(this.#context.storage);
    const started = await fillFromOrigin(store, { cluster, privateKey, start, origin: this.#options.origin });
    return await openMemberHost({
      member: {
        cluster,
        chain,
        join,
        settings: { ...EDGE_SETTINGS, ...settings },
        store,
        timer,
        archive: this.#options.archive,
        privateKey,
        stateMachine,
        observers,
        persistInputs: true,
        limits: OBJECT_LIMITS,
        ...started,
      },
      source: httpSource(undefined, (exchange) => this.#connections.run(exchange)),
      openTransport: (epoch, member, membership) => {
        const connections = this.#connections.to(epoch.genesis.replicas.length);
        return { transport: transportOf(epoch, member, privateKey, membership, { connections }) };
      },
      createApp: (node, { ended: _, ...parts }) => createApp(node, { ...policy, ...parts, timer }).fetch,
    });
  }
}

/**
 * The Worker in front of the object: it passes every request on. If the platform cannot reach the object (it was reset, is overloaded,
 * or was lost on the way), the answer is a problem with status 503 and `Retry-After`. The caller may send the request again: every route
 * gives the same result for a repeated request.
 */
export const replicaWorker: { fetch(request: Request, env: WorkerEnvironment): Promise<Response> } = {
  async fetch(request, env) {
    try {
      return await env.REPLICA.get(env.REPLICA.idFromName(objectName(env))).fetch(request);
    } catch (error) {
      await discard(request);
      return platformProblem(error);
    }
  },
};

/** The properties that Cloudflare adds to its errors. */
interface PlatformError {
  readonly message?: unknown;
  /** Too many requests wait at the object. An immediate retry would add to them. */
  readonly overloaded?: boolean;
}

/** `Retry-After`, s: a reset object is available again at once, an overloaded one later. */
const RETRY_AFTER_SECONDS = { reset: 1, overloaded: 5 };

/** The answer to a request for which the platform threw an error. */
function platformProblem(error: unknown): Response {
  const { overloaded = false, message } = Object(error) as PlatformError;
  const why = overloaded ? "the Durable Object is overloaded" : "the Durable Object can't be reached";
  const seconds = overloaded ? RETRY_AFTER_SECONDS.overloaded : RETRY_AFTER_SECONDS.reset;
  return problem("unavailable", {
    detail: `${why}: ${String(message ?? error)}`,
    headers: { "retry-after": String(seconds) },
  });
}

/** Cancels a body that nobody reads: it would keep the peer's connection busy. */
async function discard({ body }: Request): Promise<void> {
  await body?.cancel().catch(() => {});
}

/** The names of objects whose keys came after the genesis: to compute one, the cluster file and the key are read. */
const laterObjects = new WeakMap<WorkerEnvironment, string>();

/** The name of the object: the member's name, also if the variable gives its index. Another name would be another object. */
function objectName(env: WorkerEnvironment): string {
  const given = env.PBFT_REPLICA.trim();
  try {
    if (env.PBFT_JOIN || env.PBFT_CHAIN) return laterObjects.get(env) ?? laterObjectName(env);
    if (!/^\d+$/.test(given)) return given;
    const cluster = readClusterText(env.PBFT_CLUSTER);
    return cluster.genesis.replicas[memberId(cluster, given)]!.name;
  } catch {
    // The object names the fault.
    return given;
  }
}

function laterObjectName(env: WorkerEnvironment): string {
  const name = storeName(replicaFromVariables((variable) => env[variable as keyof ReplicaEnvironment]));
  laterObjects.set(env, name);
  return name;
}
