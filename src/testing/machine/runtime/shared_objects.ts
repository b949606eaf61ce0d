/**
 * The objects that all code of a process shares: the global one, and those of the language. What an operation adds to them is no state: another
 * replica does not have it.
 * @module
 */

const NAMES = [
  ...["Object", "Array", "Function", "String", "Number", "Boolean", "BigInt", "Symbol", "Map", "Set", "Date", "RegExp"],
  ...["Promise", "Error", "Uint8Array", "Math", "JSON", "Reflect"],
] as const;

/** Where something was added, for people, and how to take it away. */
type Shared = readonly [name: string, object: object];

/** Notices what is added to the objects that all code shares. */
export class SharedObjects {
  readonly #before: readonly (readonly [...Shared, keys: ReadonlySet<PropertyKey>])[] = sharedObjects().map(
    ([name, object]) => [name, object, new Set(Reflect.ownKeys(object))],
  );

  /** Takes away what was added since the beginning. Returns the first such place, as `Object.prototype.seen`; `null`: there is none. */
  sweep(): string | null {
    let first: string | null = null;
    for (const [name, object, keys] of this.#before) {
      const present = Reflect.ownKeys(object);
      if (present.length === keys.size) continue;
      for (const key of present) {
        if (keys.has(key)) continue;
        Reflect.deleteProperty(object, key);
        first ??= `${name}.${String(key)}`;
      }
    }
    return first;
  }
}

function sharedObjects(): readonly Shared[] {
  // Node loads its fetch when something of it is first looked at, and that adds to the global object: so it is looked at before.
  void Reflect.get(globalThis, "Headers");
  const owners = NAMES.map((name): Shared => [name, Reflect.get(globalThis, name)]);
  const prototypes = owners.flatMap(([name, { prototype }]: readonly [string, { prototype?: object }]): Shared[] =>
    prototype ? [[`${name}.prototype`, prototype]] : []
  );
  // What is found on any object by a name that a client may choose, such as `toString`.
  const methods = Object.entries(Object.getOwnPropertyDescriptors(Object.prototype)).flatMap(
    ([name, { value }]): Shared[] => typeof value === "function" ? [[`Object.prototype.${name}`, value]] : [],
  );
  return [["globalThis", globalThis], ...owners, ...prototypes, ...methods];
}
