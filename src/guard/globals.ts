/**
 * The globals by which a state machine could differ between replicas, replaced by ones that ask before they answer.
 * Outside of a watched call they do what they always do.
 * @module
 */
import { CHANCE, LOCALE, TIME, ZONE } from "./advice.ts";
import { FUNCTIONS, localized, OBJECTS, PRINTED, STATIC, ZONED } from "./names.ts";

/** Where random numbers come from. */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** A number in [min, max). */
  between(min: number, max: number): number;
}

/** A call that is watched. */
export interface Watched {
  /** Where clocks and chance come from; `null`: using them is an error. */
  readonly random: Chance | null;
  /** Whether clocks and chance alone are replaced. */
  readonly isMaking: boolean;
  /** Something was used. */
  use(what: string, instead: string): never;
}

let watched: Watched | null = null;
/** Who holds the globals, and how to put them back. */
let holders = 0;
let undo: (() => void)[] = [];

/** Replaces the globals until the returned function is called. What was taken from them in the meantime still asks. */
export function holdGlobals(): () => void {
  if (holders++ === 0) undo = replaceAll();
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    if (--holders > 0) return;
    for (const restore of undo.reverse()) restore();
    undo = [];
  };
}

/** Calls a function, and watches it. */
export function watchCall<T>(watching: Watched, call: () => T): T {
  const release = holdGlobals();
  const before = watched;
  watched = watching;
  try {
    return call();
  } finally {
    watched = before;
    release();
  }
}

/**
 * Waits while something is loaded whose clocks and chance are those of `random`. Nothing else of this thread may go on
 * meanwhile.
 */
export async function watchLoading<T>(random: Chance, load: () => Promise<T>): Promise<T> {
  const release = holdGlobals();
  const before = watched;
  watched = {
    random,
    isMaking: true,
    use: (what) => {
      throw new Error(`${what}: expected to be let pass`);
    },
  };
  try {
    return await load();
  } finally {
    watched = before;
    release();
  }
}

function replaceAll(): (() => void)[] {
  const performance: object | undefined = globalThis.performance;
  const crypto: object | undefined = globalThis.crypto;
  const replaced = [
    replaceFunction(Math, "random", "Math.random()", CHANCE, (random) => random.next()),
    ...performance
      ? [replaceFunction(Object.getPrototypeOf(performance), "now", "performance.now()", TIME, clock)]
      : [],
    ...crypto ? replaceCrypto(Object.getPrototypeOf(crypto)) : [],
    replaceObject("performance", TIME, (key) => key === "now"),
    replaceObject("crypto", CHANCE, (key) => ["randomUUID", "getRandomValues"].includes(key)),
    ...ZONED.map((name) => replaceFunction(Date.prototype, name, `Date.${name}()`, ZONE)),
    ...localized().flatMap(([prototype, names]) =>
      names.map((name) => replaceFunction(prototype, name, `${name}()`, LOCALE))
    ),
    replaceDate(),
    ...FUNCTIONS.flatMap(([instead, names]) =>
      names.map((name) => replaceFunction(globalThis, name, `${name}()`, instead))
    ),
    ...STATIC.map(([instead, holder, name]) => {
      const object: unknown = Reflect.get(globalThis, holder);
      return object instanceof Object ? replaceFunction(object, name, `${holder}.${name}()`, instead) : null;
    }),
    ...OBJECTS.flatMap(([instead, names]) => names.map((name) => replaceObject(name, instead))),
    replaceObject("Temporal", TIME, (key) => key !== "Now"),
    ...PRINTED.map((name) => replacePrinting(name)),
  ];
  return replaced.filter((restore) => restore !== null);
}

function replaceCrypto(prototype: object): readonly (Restore | null)[] {
  return [
    replaceFunction(prototype, "randomUUID", "crypto.randomUUID()", CHANCE, (random) => {
      return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replaceAll("x", () => random.int(0, 15).toString(16));
    }),
    replaceFunction(prototype, "getRandomValues", "crypto.getRandomValues()", CHANCE, (random, [bytes]) => {
      return (bytes as Uint8Array).map((_, i, all) => all[i] = random.int(0, 255));
    }),
  ];
}

function clock(random: Chance): number {
  return Math.floor(random.between(1e12, 2e12));
}

type Seeded = (random: Chance, args: readonly unknown[]) => unknown;
type Restore = () => void;

/** Its answer while a call is watched; `null`: as ever. */
function answer(what: string, instead: string, args: readonly unknown[], seeded?: Seeded): { value: unknown } | null {
  if (!watched) return null;
  if (seeded && watched.random) return { value: seeded(watched.random, args) };
  return watched.isMaking ? null : watched.use(what, instead);
}

function replaceFunction(
  holder: object,
  name: string,
  what: string,
  instead: string,
  seeded?: Seeded,
): Restore | null {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  if (before?.get) { // Some runtimes make it when it is first read.
    let made: unknown;
    const get = () => made ??= asking(before.get!.call(holder), what, instead, seeded);
    return replace(holder, name, { get, set: (value) => void replace(holder, name, { value, writable: true }) });
  }
  if (typeof before?.value !== "function") return null;
  return replace(holder, name, { value: asking(before.value, what, instead, seeded), writable: true });
}

/** A function or a class that asks first. */
function asking(original: unknown, what: string, instead: string, seeded?: Seeded): unknown {
  if (typeof original !== "function") return original;
  const proxy: unknown = new Proxy(original, {
    apply(target, self, args) {
      const given = answer(what, instead, args, seeded);
      return given ? given.value : Reflect.apply(target, self, args);
    },
    construct(target, args, newTarget): object {
      answer(what, instead, args);
      return Reflect.construct(target, args, newTarget === proxy ? target : newTarget);
    },
  });
  return proxy;
}

/** While a call is watched, nothing of the object may be read but what is allowed. */
function replaceObject(
  name: string,
  instead: string,
  isAllowed: (key: string) => boolean = () => false,
): Restore | null {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  if (!before) return null;
  const original = () => before.get ? before.get.call(globalThis) : before.value;
  const proxy = new Proxy({}, {
    get(_, key) {
      if (typeof key === "string" && !isAllowed(key)) answer(`${name}.${key}`, instead, []);
      const object = original();
      const value: unknown = object?.[key];
      return typeof value === "function" && !isClass(value) ? value.bind(object) : value;
    },
  });
  return replace(globalThis, name, {
    get: () => watched && !watched.isMaking ? proxy : original(),
    set: (value) => void replace(globalThis, name, { value, writable: true }),
  });
}

function isClass(value: object): boolean {
  return Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false;
}

function replacePrinting(name: string): Restore | null {
  const original: unknown = Object.getOwnPropertyDescriptor(console, name)?.value;
  if (typeof original !== "function") return null;
  const print = (...args: unknown[]) => {
    const before = watched;
    watched = null;
    try {
      original.apply(console, args);
    } finally {
      watched = before;
    }
  };
  return replace(console, name, { value: print, writable: true });
}

/** `new Date(ms)` and the like stay as they are. */
function replaceDate(): Restore | null {
  const now = replaceFunction(Date, "now", "Date.now()", TIME, clock);
  const asking: DateConstructor = new Proxy(Date, {
    construct(target, args, newTarget) {
      const made = newTarget === asking ? target : newTarget;
      const present = args.length === 0 ? answer("new Date()", TIME, [], clock) : null;
      if (isLocal(args)) answer("new Date() in the time zone of the host", ZONE, args);
      return Reflect.construct(target, present ? [present.value] : args, made);
    },
    apply(target) {
      const present = answer("Date()", TIME, [], clock);
      return present ? new target(present.value as number).toUTCString() : target();
    },
  });
  const parse = replaceParse();
  const date = replace(globalThis, "Date", { value: asking, writable: true });
  return () => {
    for (const restore of [date, parse, now]) restore?.();
  };
}

function replaceParse(): Restore | null {
  const original = Date.parse;
  const parse = (text: string) => {
    if (isLocal([text])) answer("Date.parse() in the time zone of the host", ZONE, []);
    return original(text);
  };
  return replace(Date, "parse", { value: parse, writable: true });
}

/** Whether what `Date` is given means another time in another time zone. */
function isLocal(args: readonly unknown[]): boolean {
  const [first] = args;
  if (args.length > 1) return true;
  return typeof first === "string" &&
    !/^[+-]?\d{4,6}(-\d\d){0,2}$|(Z|GMT|UTC|[+-]\d\d:?\d\d)\s*(\(.*\))?$/i.test(first);
}

/** Replaces a property and returns how to put it back; `null`: there is none, or it can't be replaced. */
function replace(holder: object, name: string, property: PropertyDescriptor): Restore | null {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  if (!before?.configurable) return null;
  Object.defineProperty(holder, name, { ...property, configurable: true, enumerable: before.enumerable ?? false });
  return () => void Object.defineProperty(holder, name, before);
}
