/**
 * What runtimes do differently: a call is made as on another one. Replicas of one cluster run under Deno, Node and workerd.
 * @module
 */

/** Calls a function with errors that have no stack, and with `__proto__` as the other runtimes have it. */
export function asElsewhere<T>(call: () => T): T {
  const { stackTraceLimit } = Error;
  const before = Object.getOwnPropertyDescriptor(Object.prototype, "__proto__");
  Error.stackTraceLimit = 0;
  if (isPrototype(before)) Reflect.deleteProperty(Object.prototype, "__proto__");
  else Object.defineProperty(Object.prototype, "__proto__", PROTOTYPE);
  try {
    return call();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Reflect.deleteProperty(Object.prototype, "__proto__");
    if (before) Object.defineProperty(Object.prototype, "__proto__", before);
  }
}

/** Node and workerd have the accessor of the language. Deno's makes a property like any other. */
function isPrototype(accessor: PropertyDescriptor | undefined): boolean {
  return accessor?.set !== undefined && Function.prototype.toString.call(accessor.set).includes("[native code]");
}

/** The accessor of the language (ECMA-262, B.2.2.1). */
const PROTOTYPE: PropertyDescriptor & ThisType<object> = {
  get() {
    return Object.getPrototypeOf(this);
  },
  set(value: unknown) {
    const isAny = value === null || typeof value === "object" || typeof value === "function";
    if (isAny && Object(this) === this) Object.setPrototypeOf(this, value);
  },
  configurable: true,
  enumerable: false,
};
