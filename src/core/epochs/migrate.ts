/**
 * How the state of one version of a state machine becomes the first state of another: the two forms of a migration, and
 * its steps.
 * @module
 */
import type { Millis, SequenceNumber } from "../messages/ids.ts";
import { checkedChange, eachChange, StateMachineError } from "../ordering/machine_guard.ts";

/** The facts that a migration may depend on besides the state. All replicas see the same values. */
export interface MigrationContext {
  /** The number of the last batch that the former version has executed. */
  readonly sequence: SequenceNumber;
  /** The agreed time of that batch. */
  readonly timestamp: Millis;
}

/**
 * Makes the chunks of the first state of the new version from those of the last state of a former one, by their ids. `null`
 * in place of a chunk counts for nothing, so that the `takeChanges` of a new machine can be returned. It must be
 * deterministic, as `execute` is. If it throws, or the new version can't restore what it gives, the former version stays
 * in force.
 *
 * @example
 * ```ts ignore
 * const migrate: Migrate = (chunks) => {
 *   const [former, next] = [new AccountsV1(), new AccountsV2()];
 *   former.restore(chunks);
 *   for (const [name, cents] of former.all()) next.set(name, { cents });
 *   return next.takeChanges();
 * };
 * ```
 */
export type Migrate = (
  chunks: ReadonlyMap<string, Uint8Array>,
  context: MigrationContext,
) => Iterable<readonly [id: string, chunk: Uint8Array | null]>;

/**
 * The steps of a {@linkcode StreamedMigration}: `yield id` reads a chunk of the former state, and `yield [id, chunk]` gives
 * one of the new state. What is given has ascending ids (in code units), each once.
 */
export type MigrationSteps = Generator<
  string | readonly [id: string, chunk: Uint8Array],
  void,
  Uint8Array | undefined
>;

/**
 * A migration that has only a few chunks in memory at once, for large states. A member takes its steps a slice at a time,
 * and answers in between. The same holds of it as of a {@linkcode Migrate}.
 *
 * @example
 * ```ts ignore
 * const migrate: StreamedMigration = {
 *   *stream(ids): MigrationSteps {
 *     for (const id of ids) yield [id, inCents((yield id)!)];
 *   },
 * };
 * ```
 */
export interface StreamedMigration {
  /** Makes the steps. `ids`: those of all chunks of the former state, ascending. */
  stream(ids: readonly string[], context: MigrationContext): MigrationSteps;
}

/** The chunks that a migration gives. @throws {StateMachineError} if it gives something else, or what it throws. */
export function migrated(
  migrate: Migrate | StreamedMigration,
  chunks: ReadonlyMap<string, Uint8Array>,
  context: MigrationContext,
): ReadonlyMap<string, Uint8Array> {
  return new Map(migratedOneByOne(migrate, chunks, context));
}

/** The same, one by one: of chunks with the same id the last one counts. @throws as {@linkcode migrated}, while it is read. */
export function* migratedOneByOne(
  migrate: Migrate | StreamedMigration,
  chunks: ReadonlyMap<string, Uint8Array>,
  context: MigrationContext,
): Generator<readonly [id: string, chunk: Uint8Array]> {
  if (typeof migrate !== "function") return yield* givenBy(migrate, chunks, context);
  for (const [id, chunk] of eachChange("migrate", migrate(chunks, context))) {
    if (chunk) yield [id, new Uint8Array(chunk)];
  }
}

/** The steps of a migration, checked one by one. */
export class CheckedSteps {
  readonly #steps: MigrationSteps;
  #last: string | null = null;

  /** `ids`: those of all chunks of the former state, ascending. */
  constructor(migrate: StreamedMigration, ids: readonly string[], context: MigrationContext) {
    this.#steps = migrate.stream(ids, context);
  }

  /**
   * The next step: the id of a chunk to read, or a chunk that is given, or `null` at the end. `chunk`: what the step
   * before has asked for.
   * @throws {StateMachineError} if it gives something else, or what it throws.
   */
  next(chunk?: Uint8Array): string | readonly [id: string, chunk: Uint8Array] | null {
    const { done, value } = this.#steps.next(chunk);
    if (done) return null;
    if (typeof value === "string") return value;
    const [id, bytes] = checkedChange("migrate.stream", value);
    if (bytes === null) throw new StateMachineError(`migrate.stream() gave null as chunk ${id}: expected a Uint8Array`);
    if (this.#last !== null && id <= this.#last) {
      throw new StateMachineError(`migrate.stream() gave chunk ${id} after ${this.#last}: expected ascending ids`);
    }
    this.#last = id;
    return [id, new Uint8Array(bytes)];
  }
}

/** A migration by its steps. One that is given as a function reads all chunks first, so that the whole state is in memory. */
export function inSteps(migrate: Migrate | StreamedMigration): StreamedMigration {
  if (typeof migrate !== "function") return migrate;
  return {
    *stream(ids, context) {
      const chunks = new Map<string, Uint8Array>();
      for (const id of ids) chunks.set(id, (yield id)!);
      const next = [...migrated(migrate, chunks, context)].sort(([a], [b]) => a < b ? -1 : 1);
      for (const given of next) yield given;
    },
  };
}

/** The chunks that a migration gives, one by one, if each chunk of the former state can be had at once. */
function* givenBy(
  migrate: StreamedMigration,
  chunks: ReadonlyMap<string, Uint8Array>,
  context: MigrationContext,
): Generator<readonly [id: string, chunk: Uint8Array]> {
  const steps = new CheckedSteps(migrate, [...chunks.keys()].sort(), context);
  let chunk: Uint8Array | undefined;
  for (let next = steps.next(); next !== null; next = steps.next(chunk)) {
    chunk = typeof next === "string" ? chunks.get(next) : undefined;
    if (typeof next !== "string") yield next;
  }
}
