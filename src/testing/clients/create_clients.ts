/**
 * The clients of a plan: simulated ones, and callers over HTTP.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Caller, HttpCallers } from "../http/parts.ts";
import type { Plan } from "../plan/plan.ts";
import type { Workload } from "../plan/workload.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";
import type { History } from "./history.ts";
import { type ClientOptions, SignedClient } from "./signed_client.ts";
import { UnsignedClient } from "./unsigned_client.ts";

/** What they are made from. */
export interface CreateClientsOptions {
  readonly plan: Plan;
  readonly workload: Workload;
  readonly world: World;
  readonly history: History;
  readonly random: Random;
  /** The replicas that unsigned clients may ask. */
  readonly gateways: () => readonly ReplicaId[];
  /** `null`: all are simulated. */
  readonly http: HttpCallers | null;
}

/** Makes them. */
export function createClients({ plan, random, gateways, http, ...shared }: CreateClientsOptions): readonly Caller[] {
  let id = 0;
  const nextId = () => ++id;
  const make = (name: string, habits: ClientOptions["habits"]): ClientOptions => {
    return { ...shared, nextId, name, habits, random: random.fork() };
  };
  return [
    ...plan.signedClients.map((habits, i) => {
      const options = make(`client${i}`, habits);
      return http?.client(i, options) ?? new SignedClient(options);
    }),
    ...plan.unsignedClients.map((habits, i) => {
      const options = make(`guest${i}`, habits);
      return http?.guest(i, options, gateways) ?? new UnsignedClient(options, gateways);
    }),
    ...http?.watchers() ?? [],
  ];
}
