/**
 * The globals that a state machine must not use, by their names.
 * @module
 */
import { CHANCE, COLLECTOR, LATER, LOCALE, OUTSIDE } from "./advice.ts";

/** Functions and classes of the global object. */
export const FUNCTIONS: readonly (readonly [instead: string, names: readonly string[]])[] = [
  [OUTSIDE, [
    ...["fetch", "WebSocket", "EventSource", "XMLHttpRequest", "Worker", "SharedWorker", "BroadcastChannel"],
    ...["alert", "confirm", "prompt"],
  ]],
  [LATER, [
    ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "requestAnimationFrame", "requestIdleCallback"],
    ...["MessageChannel"],
  ]],
  [COLLECTOR, ["WeakRef", "FinalizationRegistry"]],
];
/** Functions of other objects. */
export const STATIC: readonly (readonly [instead: string, holder: string, name: string])[] = [
  [LATER, "AbortSignal", "timeout"],
  [LATER, "Atomics", "wait"],
  [LATER, "Atomics", "waitAsync"],
  [CHANCE, "URL", "createObjectURL"],
];
/** Objects of the global object, of which nothing may be read. */
export const OBJECTS: readonly (readonly [instead: string, names: readonly string[]])[] = [
  [LOCALE, ["Intl"]],
  [OUTSIDE, [
    "Deno",
    "process",
    "Bun",
    "navigator",
    "location",
    "localStorage",
    "sessionStorage",
    "indexedDB",
    "caches",
  ]],
];
/** What people print is no result. It may be written with the time zone of the host. */
export const PRINTED = ["log", "info", "warn", "error", "debug", "dir", "table", "trace"];
/** Methods of `Date` that use the time zone of the host. */
export const ZONED = [
  ...["getDate", "getDay", "getFullYear", "getHours", "getMinutes", "getMonth", "getYear", "getTimezoneOffset"],
  ...["setDate", "setFullYear", "setHours", "setMinutes", "setMonth", "setYear"],
  ...["toString", "toDateString", "toTimeString"],
];
/** Methods that use the locale of the host. Made when it is asked for, so that bundlers can leave it out. */
export function localized(): readonly (readonly [prototype: object, names: readonly string[]])[] {
  return [
    [String.prototype, ["localeCompare", "toLocaleUpperCase", "toLocaleLowerCase"]],
    [Date.prototype, ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]],
    ...[Number, BigInt, Array, Object.getPrototypeOf(Uint8Array)].map(({ prototype }) =>
      [prototype, ["toLocaleString"]] as const
    ),
  ];
}
