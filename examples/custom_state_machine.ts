/**
 * A service of one's own: a lock with a lease and a fencing token, replicated. Time in it is the agreed time, never a clock's, so that all
 * replicas decide alike.
 *
 *     deno run -A examples/custom_state_machine.ts
 */
import { DEFAULT_LIMITS, generateKeyPair, type Genesis, MemoryStore, ReplicaNode } from "@pbft/edge";
import { createClient } from "@pbft/edge/client";
import { systemTimer } from "@pbft/edge/deno";
import { createApp } from "@pbft/edge/hono";
import { collection, counter, defineMachine, type StandardSchema } from "@pbft/edge/machine";
import { replicaId } from "@pbft/edge/protocol";

/** A schema by a check of one's own. One of zod, valibot or arktype can stand in its place. */
function checked<T>(isValid: (value: unknown) => value is T): StandardSchema<T> {
  const version = 1; // of the Standard Schema interface
  const validate = (value: unknown) => isValid(value) ? { value } : { issues: [{ message: "not valid" }] };
  return { "~standard": { version, vendor: "custom_state_machine", validate } };
}

type Check<T> = (value: unknown) => value is T;
const isText = (value: unknown) => typeof value === "string";
const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isRecord = <T>(fields: { readonly [Name in keyof T]: Check<T[Name]> }) => (value: unknown): value is T => {
  if (typeof value !== "object" || value === null) return false;
  for (const name in fields) if (!fields[name](Reflect.get(value, name))) return false;
  return true;
};

/** Who holds a lock, and until when: ms of agreed time. */
const Lease = checked(isRecord({ holder: isText, until: isNatural, token: isNatural }));

/** Give it to `serve({ stateMachine: locks })`, and say `locks/1` in the genesis. */
export const locks = defineMachine({
  name: "locks",
  version: 1,
  state: { leases: collection(Lease, { expires: "until" }), tokens: counter() },
  errors: { held: checked(isRecord({ by: isText })), notYours: checked((detail) => detail === undefined) },
  operations: {
    acquire: {
      input: checked(isRecord({ lock: isText, leaseMs: isNatural })),
      run({ leases, tokens }, { lock, leaseMs }, { client, time, reject }) {
        const held = leases.get(lock);
        if (held && held.holder !== client) reject("held", { by: held.holder });
        // A storage that refuses tokens below the highest it has seen is safe from holders whose lease has ended.
        const lease = { holder: client, until: time + leaseMs, token: tokens.next() };
        leases.set(lock, lease);
        return lease;
      },
    },
    release: {
      input: checked(isText),
      run({ leases }, lock, { client, reject }) {
        if (leases.get(lock)?.holder !== client) reject("notYours");
        leases.delete(lock);
      },
    },
  },
  queries: {
    held: { run: ({ leases }) => leases.range({ limit: 100 }).map(([lock]) => lock) },
  },
});

if (import.meta.main) {
  // A cluster of one, to try it out; four replicas differ from it only in the genesis. See quickstart.ts.
  const { privateKey, publicKey } = generateKeyPair();
  const genesis: Genesis = {
    name: "locks",
    replicas: [{ name: "Apple", publicKey }],
    checkpointInterval: 128,
    logWindow: 512,
    stateMachine: locks.version,
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
    stateMachine: locks,
  });
  const app = createApp(node, { timer, signal: ended.signal });
  const cluster = { genesis, urls: { Apple: "http://apple.test" } };
  const fetch: typeof globalThis.fetch = async (input, init) => await app.request(String(input), init);
  const [ada, grace] = [createClient(locks, { cluster, fetch }), createClient(locks, { cluster, fetch })];

  const first = await ada.acquire({ lock: "printer", leaseMs: 60_000 });
  console.log("ada has it");

  const tried = await grace.acquire.try({ lock: "printer", leaseMs: 60_000 });
  if (!tried.ok && tried.error === "held") {
    console.log("grace was rejected: printer is held by", tried.detail.by.slice(0, 8));
  }

  await ada.release("printer");
  if ((await ada.held()).length === 0) console.log("ada released it");

  const second = await grace.acquire({ lock: "printer", leaseMs: 60_000 });
  if (second.token > first.token) console.log("grace has it");

  ada.close();
  grace.close();
  ended.abort();
  await node.close();
}
