/** Two versions of a state machine, and members that run them. */
import type { ReplicaEvent } from "../../src/core/events.ts";
import type { MachineVersion, StateMachines } from "../../src/core/epochs/versions.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import type { ClusterMemberOptions } from "../../src/node/epochs/member_options.ts";
import { fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { FOUR, Members } from "./_epochs.ts";

/** As key-value/1, with values in capitals: `GET` and `SET` have other chunks and other results. */
export class CapitalKeyValue extends KeyValue {
  override readonly version: string = "key-value/2";

  override query(operation: Uint8Array): Uint8Array {
    return utf8(fromUtf8(super.query(operation)).toUpperCase());
  }
}

/** Each value of version 1 with an exclamation mark. */
export const migrate: NonNullable<MachineVersion["migrate"]> = {
  "key-value/1": (chunks) => {
    const [former, next] = [new KeyValue(), new CapitalKeyValue()];
    former.restore(chunks);
    const ask = (operation: object) => JSON.parse(fromUtf8(former.query(utf8(JSON.stringify(operation)))));
    let after: string | undefined;
    for (;;) {
      const { keys, truncated } = ask({ op: "keys", ...(after !== undefined && { after }) });
      for (const key of keys) {
        const value = `${ask({ op: "get", key })}!`;
        next.execute(utf8(JSON.stringify({ op: "set", key, value })));
      }
      if (!truncated) return next.takeChanges();
      after = keys.at(-1);
    }
  },
};
export const both: StateMachines = {
  "key-value/1": () => new KeyValue(),
  "key-value/2": { create: () => new CapitalKeyValue(), migrate },
};

export interface Seen {
  readonly events: ReplicaEvent[];
  readonly hosted: HostEvent[];
}

/** Options of a member, and what it tells. */
function watched(stateMachine: StateMachines, seen: Seen): Partial<ClusterMemberOptions> {
  return {
    stateMachine,
    observers: [{ onEvent: (event) => seen.events.push(event), onHostEvent: (event) => seen.hosted.push(event) }],
  };
}

export async function opened(versionsOf: (name: string) => StateMachines): Promise<{ cluster: Members; seen: Seen }> {
  const cluster = new Members();
  const seen: Seen = { events: [], hosted: [] };
  for (const name of FOUR) await cluster.open(name, watched(versionsOf(name), seen));
  return { cluster, seen };
}
