/**
 * Versions of the key-value machine for simulations in which the version changes: each keeps other chunks, and a key that
 * no client uses says which versions there were. So a state that was migrated twice, or not at all, is seen.
 * @module
 */
import type { MachineVersion, Migrate } from "../../core/epochs/versions.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import { encodeOperation, KeyValue } from "../../machines/mod.ts";
import { fromUtf8, utf8 } from "../../wire/mod.ts";
import { loadedWhole } from "../machine/loaded_whole.ts";
import { CHUNK_SIZE } from "../plan/workload.ts";
import { outcomeOf, OUTCOMES, versionName } from "./names.ts";

/** The versions of the machine of a run. */
export interface SimulatedVersions {
  /** The versions that a process has, by their names. */
  without(lacking: ReadonlySet<string>): Readonly<Record<string, MachineVersion>>;
  /** Makes the machine of a version in its initial state. */
  create(version: string): StateMachine;
  /** The version that is in force after a change from one to another: the former one, if its migration fails. */
  after(former: string, next: string): string;
  /** An operation that asks which versions the state has been through. */
  readonly question: Uint8Array;
  /** The answer, if it has been through these. */
  answer(versions: readonly string[]): string;
}

/** Versions after the first one. No plan has more changes. */
const MOST = 8;
const TRAIL = "#versions";
const QUESTION = encodeOperation({ op: "get", key: TRAIL });
/** Chunks have other sizes in each version. */
const SIZES = [CHUNK_SIZE, 40, 17];

/** A later version. */
class Simulated extends KeyValue {
  override readonly version: string;
  /** Whether it needs its whole state in memory, so that each start gives it all of that. Every other version does. */
  readonly isWhole: boolean;

  constructor(version: string, number: number) {
    super({ chunkSize: SIZES[number % SIZES.length]! });
    this.version = version;
    this.isWhole = number % 2 === 1;
  }

  /** Takes no state of another version. One that was loaded says which versions it has been through. */
  override restore(chunks: Iterable<readonly [id: string, chunk: Uint8Array | null]>): void {
    super.restore(chunks);
    const trail = entriesOf(this).get(TRAIL);
    if (trail === undefined || trail.split(" > ").at(-1) !== this.version) {
      throw new Error(`a state of ${trail ?? "the first version"} is taken for one of ${this.version}`);
    }
  }
}

/** The versions after the first one. */
export function keyValueVersions(first: () => KeyValue): SimulatedVersions {
  const all = new Map<string, () => KeyValue>([[first().version, first]]);
  for (let number = 1; number <= MOST; number++) {
    for (const outcome of OUTCOMES) {
      const name = versionName(number, outcome);
      all.set(name, () => new Simulated(name, number));
    }
  }
  const names = [...all.keys()];
  const machineOf = (name: string): StateMachine => {
    const machine = all.get(name)!();
    return machine instanceof Simulated && machine.isWhole ? loadedWhole(machine) : machine;
  };
  const versionOf = (name: string): MachineVersion => ({
    create: () => machineOf(name),
    migrate: Object.fromEntries(
      names.filter((from) => from !== name).map((from) => [from, migration(all.get(from)!, all.get(name)!)]),
    ),
  });
  return {
    without: (lacking) =>
      Object.fromEntries(names.filter((name) => !lacking.has(name)).map((name) => [name, versionOf(name)])),
    create: machineOf,
    after: (former, next) => outcomeOf(next) === "succeeds" ? next : former,
    question: QUESTION,
    answer: (versions) => JSON.stringify(versions.length > 1 ? versions.join(" > ") : null),
  };
}

function migration(createFormer: () => KeyValue, create: () => KeyValue): Migrate {
  return (chunks) => {
    const [former, next] = [createFormer(), create()];
    const { version: from } = former;
    const outcome = outcomeOf(next.version);
    if (outcome === "throws") throw new Error("this migration fails");
    if (outcome === "gives nonsense") return [["z", utf8("no chunk")]];
    former.restore(chunks);
    const state = entriesOf(former);
    const trail = state.get(TRAIL) ?? from;
    if (trail.split(" > ").at(-1) !== from) throw new Error(`a state of ${trail} is taken for one of ${from}`);
    for (const [key, value] of state.set(TRAIL, `${trail} > ${next.version}`)) {
      next.execute(encodeOperation({ op: "set", key, value }));
    }
    return next.takeChanges();
  };
}

/** All keys and values of a state. */
function entriesOf(former: KeyValue): Map<string, string> {
  const ask = (operation: Parameters<typeof encodeOperation>[0]) =>
    JSON.parse(fromUtf8(former.query(encodeOperation(operation))));
  const entries = new Map<string, string>();
  let after: string | undefined;
  for (;;) {
    const { keys, truncated } = ask({ op: "keys", ...(after !== undefined && { after }) });
    for (const key of keys as string[]) entries.set(key, ask({ op: "get", key }));
    if (!truncated) return entries;
    after = keys.at(-1);
  }
}
