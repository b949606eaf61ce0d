/**
 * The checks of a definition.
 * @module
 */
import type { CollectionField, Field } from "./state/fields.ts";
import type { Key } from "./state/key.ts";
import type { Definition, Runnable, TypedEntries, TypedMigration } from "./types.ts";
import { flawOf } from "./values/json.ts";
import { checkSchema, type StandardSchema } from "./values/schema.ts";

/** Names that a typed client or `testMachine` needs for itself; a client with `then` would be taken for a promise. */
const TAKEN = ["then", "close", "id", "client", "watch", "as", "at"];
/** The errors of every machine. */
const ERRORS = ["invalid", "unknown", "malformed"];
/** Names of calls, errors, collections and counters. */
const NAME = /^[a-z][A-Za-z0-9]{0,63}$/;
/** Leaves room for the version in the genesis. */
const MACHINE_NAME = /^[a-z][a-z0-9-]{0,47}$/;

/** The fields of a definition, and of its parts. */
const FIELDS = {
  definition: ["name", "version", "state", "errors", "operations", "queries", "migrate"],
  call: ["input", "output", "run"],
  migrate: ["from", "state", "entries"],
};

/** What a definition must at least have. */
export interface Unchecked {
  readonly name: string;
  readonly version: number;
  readonly state: Readonly<Record<string, Field>>;
  readonly errors?: unknown;
  readonly operations: unknown;
  readonly queries?: unknown;
  readonly migrate?: unknown;
}

/**
 * Checks a definition and completes it. The copies can't be changed.
 * @throws {TypeError} that names what will not do.
 */
export function checkDefinition(definition: Unchecked): Definition {
  checkFields("", definition, FIELDS.definition);
  const { name, version } = definition;
  if (typeof name !== "string" || !MACHINE_NAME.test(name)) {
    throw new TypeError(`name: expected small letters, digits and hyphens, 48 at most, got ${JSON.stringify(name)}`);
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new TypeError(`version: expected a positive integer, got ${textOf(version)}`);
  }
  const state = entriesOf<Field>("state", definition.state, (what, field) => {
    if (field?.kind !== "collection" && field?.kind !== "counter") {
      throw new TypeError(`${what}: expected collection() or counter(), got ${textOf(field)}`);
    }
    return { ...field };
  });
  const errors = entriesOf<StandardSchema>("errors", definition.errors ?? {}, (what, schema) => {
    checkSchema(schema, what);
    return schema;
  });
  for (const error of ERRORS) {
    if (Object.hasOwn(errors, error)) {
      throw new TypeError(`errors.${error}: expected another name, this one is every machine's`);
    }
  }
  const operations = entriesOf("operations", definition.operations, checkRunnable);
  const queries = entriesOf("queries", definition.queries ?? {}, checkRunnable);
  for (const query of Object.keys(queries)) {
    if (Object.hasOwn(operations, query)) {
      throw new TypeError(`queries.${query}: expected another name, an operation has it`);
    }
  }
  for (const taken of TAKEN) {
    if (!Object.hasOwn(operations, taken) && !Object.hasOwn(queries, taken)) continue;
    throw new TypeError(`${taken}: expected another name, typed clients use it`);
  }
  const migrate = checkMigration(definition.migrate, state, `${name}/${version}`);
  return { name, version, state, errors, operations, queries, ...(migrate && { migrate }) };
}

function entriesOf<T>(what: string, value: unknown, check: (what: string, value: T) => T): Readonly<Record<string, T>> {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`${what}: expected an object, got ${textOf(value)}`);
  }
  const entries = Object.entries(value).map(([name, entry]): [string, T] => {
    if (!NAME.test(name)) {
      throw new TypeError(
        `${what}: expected names of letters and digits that begin with a small letter, got ${JSON.stringify(name)}`,
      );
    }
    return [name, check(`${what}.${name}`, entry as T)];
  });
  return Object.freeze(Object.assign(Object.create(null), Object.fromEntries(entries)));
}

function checkMigration(
  given: unknown,
  next: Definition["state"],
  version: string,
): TypedMigration | null {
  if (given === undefined) return null;
  checkFields("migrate", given, FIELDS.migrate);
  const { from, state, entries } = given as Partial<TypedMigration>;
  if (typeof from !== "function" || typeof from.version !== "string" || typeof from.definition !== "object") {
    throw new TypeError(`migrate.from: expected a machine of defineMachine, got ${textOf(from)}`);
  }
  if (Object.hasOwn(from.versions, version)) {
    throw new TypeError(`migrate.from: expected versions before ${version}, got one that comes from it`);
  }
  if (state !== undefined && typeof state !== "function") {
    throw new TypeError(`migrate.state: expected a function, got ${textOf(state)}`);
  }
  if (entries === undefined) return { from, state };
  if (state !== undefined) throw new TypeError("migrate: expected either state or entries, got both");
  return { from, entries: checkEntries(entries, from.definition.state, next) };
}

function checkEntries(
  entries: unknown,
  former: Definition["state"],
  next: Definition["state"],
): Readonly<Record<string, TypedEntries>> {
  const checked = entriesOf<TypedEntries>("migrate.entries", entries, (what, entry) => {
    const { from, value } = entry ?? {};
    if (next[what.slice("migrate.entries.".length)]?.kind !== "collection") {
      throw new TypeError(`${what}: expected the name of a collection of this version`);
    }
    if (typeof from !== "string" || !Object.hasOwn(former, from) || former[from]!.kind !== "collection") {
      throw new TypeError(`${what}.from: expected the name of a collection of the version before`);
    }
    if (typeof value !== "function") throw new TypeError(`${what}.value: expected a function`);
    return { from, value };
  });
  for (const [name, field] of Object.entries(next)) {
    const before = Object.hasOwn(former, name) ? former[name]! : null;
    if (!before || Object.hasOwn(checked, name)) continue;
    if (before.kind === field.kind && expiresOf(before) === expiresOf(field)) continue;
    throw new TypeError(`migrate.entries.${name}: expected how it is made, as it was kept in another way before`);
  }
  return checked;
}

function expiresOf(field: Field): string | null {
  return field.kind === "collection" ? (field as CollectionField<unknown, Key>).expires : null;
}

function checkRunnable(what: string, runnable: Runnable): Runnable {
  checkFields(what, runnable, FIELDS.call);
  if (typeof runnable.run !== "function") {
    throw new TypeError(`${what}.run: expected a function, got ${textOf(runnable.run)}`);
  }
  const { input, output, run } = runnable;
  if (input !== undefined) checkSchema(input, `${what}.input`);
  if (output !== undefined) checkSchema(output, `${what}.output`);
  if (Object.prototype.toString.call(run) === "[object AsyncFunction]") {
    throw new TypeError(`${what}.run: expected a function that answers at once, got an async one`);
  }
  return { input, output, run: (state, value, context) => runnable.run(state, value, context) };
}

/**
 * A field that does not exist would be ignored, such as `inputs` in place of `input`.
 * @throws {TypeError} that names it.
 */
function checkFields(what: string, value: unknown, fields: readonly string[]): asserts value is object {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`${what || "the machine"}: expected an object with ${fields.join(", ")}, got ${textOf(value)}`);
  }
  const unknown = Object.keys(value).find((name) => !fields.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`${what && `${what}.`}${unknown}: no such field, expected ${fields.join(", ")}`);
}

/** A wrong value, for an error. */
function textOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  return flawOf(value)?.got ?? (Array.isArray(value) ? "a list" : "another object");
}
