/**
 * A stand-in for `jsr:@std/testing/mock`: see `tests/std/README.md`.
 * @module
 */
// deno-lint-ignore-file no-explicit-any -- the real signatures
import { assertEquals, AssertionError, assertIsError, assertRejects } from "@std/assert";

/** Misuse of a spy or stub. */
export class MockError extends Error {
  override name = "MockError";
}

export interface SpyCall<Self = any, Args extends unknown[] = any[], Return = any> {
  args: Args;
  returned?: Return;
  error?: Error;
  self?: Self;
}

export interface Spy<Self = any, Args extends unknown[] = any[], Return = any> {
  (this: Self, ...args: Args): Return;
  original: (this: Self, ...args: Args) => Return;
  calls: SpyCall<Self, Args, Return>[];
  restored: boolean;
  restore(): void;
}

export interface MethodSpy<Self = any, Args extends unknown[] = any[], Return = any>
  extends Spy<Self, Args, Return>, Disposable {}

export interface Stub<Self = any, Args extends unknown[] = any[], Return = any> extends MethodSpy<Self, Args, Return> {
  fake: (this: Self, ...args: Args) => Return;
}

export type GetParametersFromProp<Self, Prop extends keyof Self> = Self[Prop] extends (...args: infer Args) => unknown
  ? Args
  : unknown[];

export type GetReturnFromProp<Self, Prop extends keyof Self> = Self[Prop] extends (...args: any[]) => infer Return
  ? Return
  : unknown;

type Fn<Self, Args extends unknown[], Return> = (this: Self, ...args: Args) => Return;

function record<Self, Args extends unknown[], Return>(
  original: Fn<Self, Args, Return>,
  run: Fn<Self, Args, Return>,
  undo: () => void,
): Spy<Self, Args, Return> {
  const spy = function (this: Self, ...args: Args): Return {
    const call: SpyCall<Self, Args, Return> = { args };
    if (this) call.self = this;
    spy.calls.push(call);
    try {
      return call.returned = run.apply(this, args);
    } catch (error) {
      call.error = error as Error;
      throw error;
    }
  } as Spy<Self, Args, Return>;
  spy.original = original;
  spy.calls = [];
  spy.restored = false;
  spy.restore = () => {
    if (spy.restored) throw new MockError("Cannot restore: already restored");
    undo();
    spy.restored = true;
  };
  return spy;
}

function replaceMethod(
  self: any,
  property: PropertyKey,
  fake: Fn<any, any[], any> | undefined,
): MethodSpy {
  const original = self[property];
  if (typeof original !== "function") throw new MockError("Cannot spy: property is not an instance method");
  if ("calls" in original && "restored" in original) throw new MockError("Cannot spy: already spying on the method");
  const own = Object.getOwnPropertyDescriptor(self, property);
  const spy = record(original, fake ?? original, () => {
    if (own) Object.defineProperty(self, property, own);
    else delete self[property];
  });
  Object.defineProperty(self, property, {
    configurable: true,
    enumerable: own?.enumerable ?? false,
    writable: true,
    value: spy,
  });
  return Object.assign(spy, { [Symbol.dispose]: () => spy.restored || spy.restore() });
}

export function spy<Self = any, Args extends unknown[] = any[], Return = undefined>(): Spy<Self, Args, Return>;
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
export function spy<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): MethodSpy<Self, GetParametersFromProp<Self, Prop>, GetReturnFromProp<Self, Prop>>;
/** Records the calls of a function, or of an object's method. */
export function spy(funcOrSelf?: unknown, property?: PropertyKey): unknown {
  if (property !== undefined) return replaceMethod(funcOrSelf, property, undefined);
  const func = (funcOrSelf ?? (() => {})) as Fn<any, any[], any>;
  return record(func, func, () => {
    throw new MockError("Cannot restore: function cannot be restored");
  });
}

export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): Stub<Self, GetParametersFromProp<Self, Prop>, GetReturnFromProp<Self, Prop>>;
export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
  func: (this: Self, ...args: GetParametersFromProp<Self, Prop>) => GetReturnFromProp<Self, Prop>,
): Stub<Self, GetParametersFromProp<Self, Prop>, GetReturnFromProp<Self, Prop>>;
/** Replaces an object's method by `func`, or by one that does nothing, and records its calls. */
export function stub(self: unknown, property: PropertyKey, func: Fn<any, any[], any> = () => undefined): unknown {
  return Object.assign(replaceMethod(self, property, func), { fake: func });
}

export interface ExpectedSpyCall<Self = any, Args extends unknown[] = any[], Return = any> {
  args?: [...Args, ...unknown[]];
  self?: Self;
  returned?: Return;
  error?: { Class?: new (...args: any[]) => Error; msgIncludes?: string };
}

export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  expectedCalls: number,
): void {
  if (spy.calls.length === expectedCalls) return;
  const what = spy.calls.length < expectedCalls ? "not called as much as" : "called more than";
  throw new AssertionError(`Spy ${what} expected: ${spy.calls.length} calls, expected ${expectedCalls}`);
}

function callAt<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
): SpyCall<Self, Args, Return> {
  const call = spy.calls.at(callIndex);
  if (!call) throw new AssertionError(`Spy call at index ${callIndex} does not exist`);
  return call;
}

export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  expected: ExpectedSpyCall<Self, Args, Return> = {},
): void {
  const call = callAt(spy, callIndex);
  if (expected.args) assertEquals<unknown>(call.args, expected.args, "Spy not called with expected args");
  if ("self" in expected) assertEquals(call.self, expected.self, "Spy not called as method on expected self");
  if ("returned" in expected) {
    if (call.error) throw new AssertionError("Spy call did not return expected value, an error was thrown.");
    assertEquals(call.returned, expected.returned, "Spy call did not return expected value");
  }
  if ("error" in expected) {
    if ("returned" in call) throw new AssertionError("Spy call did not throw an error, a value was returned.");
    assertIsError(call.error, expected.error?.Class, expected.error?.msgIncludes);
  }
}

export async function assertSpyCallAsync<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Promise<Return>>,
  callIndex: number,
  expected: ExpectedSpyCall<Self, Args, Promise<Return> | Return> = {},
): Promise<void> {
  const { returned, error, ...rest } = expected;
  assertSpyCall(spy, callIndex, rest as ExpectedSpyCall<Self, Args, Promise<Return>>);
  const call = callAt(spy, callIndex);
  if ("returned" in expected) assertEquals<unknown>(await call.returned, await returned);
  if ("error" in expected) {
    await assertRejects(() => Promise.resolve(call.returned), error?.Class ?? Error, error?.msgIncludes ?? "");
  }
}

export function assertSpyCallArg<Self, Args extends unknown[], Return, ExpectedArg>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  argIndex: number,
  expected: ExpectedArg,
): ExpectedArg {
  const arg = callAt(spy, callIndex).args[argIndex];
  assertEquals<unknown>(arg, expected);
  return arg as ExpectedArg;
}

/** A function that returns or throws the given values, one per call. */
export function returnsNext<Return, Self = any, Args extends unknown[] = any[]>(
  values: Iterable<Return | Error>,
): (this: Self, ...args: Args) => Return {
  const iterator = values[Symbol.iterator]();
  let calls = 0;
  return () => {
    const next = iterator.next();
    if (next.done) throw new MockError(`Not expected to be called more than ${calls} times`);
    calls++;
    if (next.value instanceof Error) throw next.value;
    return next.value;
  };
}
