/**
 * Versions of the key-value machine for simulations in which the version changes: each keeps other chunks, and a key that
 * no client uses says which versions there were. So a state that was migrated twice, or not at all, is seen.
 * @module
 */
import type { Migrate, StreamedMigration } from "../../core/epochs/migrate.ts";
import type { MachineVersion } from "../../core/epochs/versions.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import { LeafWriter } from "../../core/tree/leaf_writer.ts";
import { decodeChunk, encodedChunks } from "../../machines/_chunk.ts";
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
  /** The size of its chunks, if the migration to it streams; `null` if that has the whole state in memory. */
  readonly streams: number | null;

  constructor(version: string, number: number) {
    const chunkSize = SIZES[number % SIZES.length]!;
    super({ chunkSize });
    this.version = version;
    this.isWhole = number % 2 === 1;
    this.streams = number % 4 === 2 || number % 4 === 3 ? chunkSize : null;
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

function migration(createFormer: () => KeyValue, create: () => KeyValue): Migrate | StreamedMigration {
  const example = create();
  if (example instanceof Simulated && example.streams !== null) {
    return streamed(createFormer().version, example.version, example.streams);
  }
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

/** The same with a few chunks in memory at once. One that fails has given some of the new state by then. */
function streamed(from: string, to: string, chunkSize: number): StreamedMigration {
  const outcome = outcomeOf(to);
  return {
    *stream(ids) {
      const writer = new LeafWriter(chunkSize);
      let isTold = false;
      function* told(trail: string): Generator<readonly [string, Uint8Array]> {
        if (isTold) return;
        isTold = true;
        if (trail.split(" > ").at(-1) !== from) throw new Error(`a state of ${trail} is taken for one of ${from}`);
        yield* encodedChunks(writer.add(TRAIL, `${trail} > ${to}`));
      }
      for (const id of ids) {
        const { entries } = decodeChunk(id, (yield id)!);
        for (let i = 0; i < entries.length; i += 2) {
          const [key, value] = [entries[i]!, entries[i + 1]!];
          if (key >= TRAIL) yield* told(key === TRAIL ? value : from);
          if (key !== TRAIL) yield* encodedChunks(writer.add(key, value));
        }
      }
      yield* told(from);
      if (outcome === "throws") throw new Error("this migration fails");
      yield* encodedChunks(writer.end());
      if (outcome === "gives nonsense") yield ["\uffff", utf8("no chunk")];
    },
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
