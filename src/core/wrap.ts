/**
 * Wrappers that lose nothing: of a state machine, a core, a store or a node, whose abilities are methods, some of them optional.
 * @module
 */

/**
 * An object that does what `inner` does, but for `changes`. Whatever `inner` or its classes have is passed on, so a wrapper need not know of an
 * ability that is added later. `undefined` among the changes takes an ability away.
 */
export function wrap<T extends object>(inner: T, changes: Partial<T>): T {
  const passedOn: PropertyDescriptorMap = {};
  for (let owner: object = inner; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Reflect.ownKeys(owner)) {
      if (name === "constructor" || Object.hasOwn(passedOn, name)) continue;
      // Of a proxy, only reading gives what it has in place of a method.
      const isComputed = Object.getOwnPropertyDescriptor(owner, name)?.get !== undefined;
      const value = isComputed ? undefined : inner[name as keyof T];
      passedOn[name] = typeof value === "function"
        ? { value: value.bind(inner), enumerable: true, writable: true, configurable: true }
        : { get: () => inner[name as keyof T], enumerable: true, configurable: true };
    }
  }
  return Object.create(Object.getPrototypeOf(inner), { ...passedOn, ...Object.getOwnPropertyDescriptors(changes) });
}
