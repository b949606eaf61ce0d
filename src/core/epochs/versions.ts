/**
 * The versions of a state machine that a replica can run, and how the state of one becomes that of another.
 *
 * The configuration of an epoch says which version is in force. A replica has several, so that it can run the present
 * one and go on with the next.
 * @module
 */
import type { StateMachine } from "../state_machine.ts";
import { type Migrate, migrated, migratedOneByOne, type StreamedMigration } from "./migrate.ts";

/** A version of a state machine. */
export interface MachineVersion {
  /** Makes the machine in its initial state. */
  readonly create: () => StateMachine;
  /** How its first state is made from the state of a former version, by that version's name. */
  readonly migrate?: Readonly<Record<string, Migrate | StreamedMigration>>;
}

/** What makes a machine, and perhaps knows further versions of it. */
export interface MachineMaker {
  /** Makes the machine in its initial state. */
  (): StateMachine;
  /** All versions, this one among them. */
  readonly versions?: Readonly<Record<string, MachineVersion>> | undefined;
}

/** One state machine, or its versions by their names: `{ "accounts/1": create, "accounts/2": { create, migrate } }`. */
export type StateMachines = MachineMaker | Readonly<Record<string, MachineVersion | (() => StateMachine)>>;

/** The versions that a replica has. */
export class MachineVersions {
  readonly #versions: ReadonlyMap<string, MachineVersion>;

  private constructor(versions: Readonly<Record<string, MachineVersion | (() => StateMachine)>>) {
    const all = Object.entries(versions).map(([name, version]): [string, MachineVersion] => {
      if (typeof version === "function") return [name, { create: version }];
      if (typeof version?.create === "function") return [name, version];
      throw new TypeError(`stateMachine[${JSON.stringify(name)}]: expected a function, or an object with create`);
    });
    this.#versions = new Map(all);
  }

  /** The versions that an option gives. @throws {TypeError} if it is no such option. */
  static of(machines: StateMachines): MachineVersions {
    if (typeof machines !== "function") return new MachineVersions(machines);
    return new MachineVersions(machines.versions ?? { [machines().version]: machines });
  }

  /** The names of the versions. */
  get names(): readonly string[] {
    return [...this.#versions.keys()];
  }

  /** Whether this replica has a version. */
  has(version: string): boolean {
    return this.#versions.has(version);
  }

  /** Makes a machine of a version. @throws {TypeError} if there is none, or another one is made. */
  create(version: string): StateMachine {
    const found = this.#versions.get(version);
    if (!found) throw new TypeError(`stateMachine: expected version ${version}, got ${this.names.join(" and ")}`);
    const machine = found.create();
    if (machine.version === version) return machine;
    throw new TypeError(`stateMachine: expected version ${version}, got ${machine.version}`);
  }

  /** How the state of one version becomes that of another, over those between them if need be; `null` if nobody knows. */
  migration(from: string, to: string): Migrate | StreamedMigration | null {
    const [first, ...more] = this.#stepsTo(to, from, new Set()) ?? [];
    if (!first || more.length === 0) return first ?? null;
    // Only the last step may give its chunks one by one.
    const last = more.pop()!;
    return (chunks, context) =>
      migratedOneByOne(
        last,
        [first, ...more].reduce((state, step) => migrated(step, state, context), chunks),
        context,
      );
  }

  #stepsTo(
    version: string,
    from: string,
    seen: Set<string>,
  ): readonly (Migrate | StreamedMigration)[] | null {
    const { migrate: known = {} } = this.#versions.get(version) ?? {};
    const direct = Object.hasOwn(known, from) ? known[from] : undefined;
    if (direct) return [direct];
    seen.add(version);
    for (const [before, migrate] of Object.entries(known)) {
      const steps = seen.has(before) ? null : this.#stepsTo(before, from, seen);
      if (steps) return [...steps, migrate];
    }
    return null;
  }
}
