/**
 * A service of one's own: a lock with a lease, replicated. Time in it is the agreed time of the batch, never a clock's,
 * so that all replicas decide alike.
 *
 *     deno run -A examples/custom_state_machine.ts
 */
import {
  Client,
  DEFAULT_LIMITS,
  generateKeyPair,
  type Genesis,
  MemoryStore,
  type OperationContext,
  OperationError,
  OperationRejectedError,
  ReplicaNode,
  snapshotMachine,
  type StateMachine,
} from "@pbft/edge";
import { systemTimer } from "@pbft/edge/deno";
import { createApp } from "@pbft/edge/hono";
import { replicaId } from "@pbft/edge/protocol";

/** What clients send, as JSON. */
type Operation = { readonly acquire: string; readonly leaseMs: number } | { readonly release: string };

/** Who holds a lock, and until when. */
interface Lease {
  readonly holder: string;
  readonly until: number;
}

const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Give it to `ReplicaNode.open({ stateMachine: createLocks })`, and say `locks/1` in the genesis. */
export function createLocks(): StateMachine {
  let leases = new Map<string, Lease>();

  function execute(operation: Operation, { client, timestamp }: OperationContext): Lease | null {
    if ("acquire" in operation) {
      const held = leases.get(operation.acquire);
      if (held !== undefined && held.until > timestamp && held.holder !== client) {
        throw new OperationError(`${operation.acquire} is held by ${held.holder.slice(0, 8)}`);
      }
      const lease = { holder: client, until: timestamp + operation.leaseMs };
      leases.set(operation.acquire, lease);
      return lease;
    }
    if (leases.get(operation.release)?.holder !== client) throw new OperationError("not yours to release");
    leases.delete(operation.release);
    return null;
  }

  return snapshotMachine({
    version: "locks/1",
    execute: (bytes, context) => encode(execute(decode(bytes), context)),
    query: () => encode([...leases.keys()].sort()),
    // Equal states must give equal bytes, so what has no order gets one.
    snapshot: () => encode([...leases].sort(([a], [b]) => a < b ? -1 : 1)),
    restore: (bytes) => void (leases = new Map(decode(bytes))),
  });
}

if (import.meta.main) {
  // A cluster of one, to try it out; four replicas differ from it only in the genesis. See quickstart.ts.
  const { privateKey, publicKey } = generateKeyPair();
  const genesis: Genesis = {
    name: "locks",
    replicas: [{ name: "Apple", publicKey }],
    checkpointInterval: 128,
    logWindow: 512,
    stateMachine: "locks/1",
    limits: DEFAULT_LIMITS,
  };
  const timer = systemTimer();
  const ended = new AbortController();
  const node = await ReplicaNode.open({
    self: replicaId(0),
    genesis,
    privateKey,
    store: new MemoryStore(),
    transport: { deliver: () => Promise.resolve() },
    timer,
    stateMachine: createLocks,
  });
  const app = createApp(node, { timer, signal: ended.signal });
  const cluster = { genesis, urls: { Apple: "http://apple.test" } };
  const connect = () => new Client({ cluster, fetch: async (input, init) => await app.request(String(input), init) });

  const ada = connect();
  const grace = connect();
  const show = async (name: string, client: Client, operation: Operation) => {
    try {
      const lease = await client.invoke<Lease | null>(operation);
      console.log(name, lease === null ? "released it" : "has it");
    } catch (error) {
      if (!(error instanceof OperationRejectedError)) throw error;
      console.log(name, "was rejected:", error.message);
    }
  };
  await show("ada", ada, { acquire: "printer", leaseMs: 60_000 });
  await show("grace", grace, { acquire: "printer", leaseMs: 60_000 });
  await show("ada", ada, { release: "printer" });
  await show("grace", grace, { acquire: "printer", leaseMs: 60_000 });

  ada.close();
  grace.close();
  ended.abort();
  await node.close();
}
