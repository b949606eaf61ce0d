/**
 * A stand-in for `jsr:@std/testing/bdd`: see `tests/std/README.md`. A top-level `describe` is one `Deno.test`, what is
 * inside are its steps.
 * @module
 */

type Options = Omit<Deno.TestDefinition, "name" | "fn">;
type TestFn<T> = (this: T, t: Deno.TestContext) => void | Promise<void>;
type Hook<T> = (this: T) => void | Promise<void>;

const hookNames = ["beforeAll", "afterAll", "beforeEach", "afterEach"] as const;
type HookName = typeof hookNames[number];

interface Suite {
  readonly name: string;
  readonly ignore: boolean;
  readonly hooks: Record<HookName, Hook<unknown>[]>;
  readonly children: (Suite | Case)[];
}

interface Case {
  readonly name: string;
  readonly ignore: boolean;
  readonly fn: TestFn<unknown>;
}

function newSuite(name: string, ignore: boolean): Suite {
  return { name, ignore, hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] }, children: [] };
}

/** Hooks outside of any `describe`: they hold for every test of the file. */
const root = newSuite("", false);
let current = root;

async function runCase(test: Case, around: readonly Suite[], context: object, t: Deno.TestContext): Promise<void> {
  const own = Object.create(context);
  const run = async (name: HookName, suites: readonly Suite[]) => {
    for (const suite of suites) for (const hook of suite.hooks[name]) await hook.call(own);
  };
  try {
    await run("beforeEach", around);
    await test.fn.call(own, t);
  } finally {
    await run("afterEach", around.toReversed());
  }
}

async function runSuite(suite: Suite, outer: readonly Suite[], parent: object, t: Deno.TestContext): Promise<void> {
  const around = [...outer, suite];
  const context = Object.create(parent);
  try {
    for (const hook of suite.hooks.beforeAll) await hook.call(context);
    for (const child of suite.children) {
      const { name, ignore } = child;
      await t.step({ name, ignore, fn: (t) => runChild(child, around, context, t) });
    }
  } finally {
    for (const hook of suite.hooks.afterAll) await hook.call(context);
  }
}

function runChild(child: Suite | Case, around: readonly Suite[], context: object, t: Deno.TestContext): Promise<void> {
  return "fn" in child ? runCase(child, around, context, t) : runSuite(child, around, context, t);
}

function register(child: Suite | Case, options: Options): void {
  if (current !== root) {
    current.children.push(child);
    return;
  }
  Deno.test({
    ...options,
    name: child.name,
    fn: async (t) => {
      const context = {};
      for (const hook of root.hooks.beforeAll) await hook.call(context);
      try {
        await runChild(child, [root], context, t);
      } finally {
        for (const hook of root.hooks.afterAll) await hook.call(context);
      }
    },
  });
}

type ItArgs<T> =
  | [name: string, fn: TestFn<T>]
  | [name: string, options: Options, fn: TestFn<T>]
  | [options: Options & { name: string; fn: TestFn<T> }];
type DescribeArgs =
  | [name: string, fn: () => void | undefined]
  | [name: string, options: Options, fn: () => void | undefined]
  | [options: Options & { name: string; fn: () => void | undefined }];

function parts<F>(args: readonly unknown[]): { name: string; fn: F; options: Options } {
  const [first, second, third] = args;
  if (typeof first === "object") {
    const { name, fn, ...options } = first as Options & { name: string; fn: F };
    return { name, fn, options };
  }
  if (third === undefined) return { name: first as string, fn: second as F, options: {} };
  return { name: first as string, fn: third as F, options: second as Options };
}

/** A test; inside `describe` one of its steps. */
export function it<T>(...args: ItArgs<T>): void {
  addCase(args, {});
}
it.only = <T>(...args: ItArgs<T>): void => addCase(args, { only: true });
it.ignore = <T>(...args: ItArgs<T>): void => addCase(args, { ignore: true });
it.skip = it.ignore;

function addCase(args: readonly unknown[], more: Options): void {
  const { name, fn, options } = parts<TestFn<unknown>>(args);
  const all = { ...options, ...more };
  register({ name, ignore: all.ignore ?? false, fn }, all);
}

/** Groups tests under a name. */
export function describe(...args: DescribeArgs): void {
  addSuite(args, {});
}
describe.only = (...args: DescribeArgs): void => addSuite(args, { only: true });
describe.ignore = (...args: DescribeArgs): void => addSuite(args, { ignore: true });
describe.skip = describe.ignore;

function addSuite(args: readonly unknown[], more: Options): void {
  const { name, fn, options } = parts<() => void>(args);
  const all = { ...options, ...more };
  const suite = newSuite(name, all.ignore ?? false);
  const outer = current;
  current = suite;
  try {
    fn();
  } finally {
    current = outer;
  }
  register(suite, all);
}

export const test: typeof it = it;

export function beforeAll<T>(fn: (this: T) => void | Promise<void>): void {
  current.hooks.beforeAll.push(fn as Hook<unknown>);
}
export function afterAll<T>(fn: (this: T) => void | Promise<void>): void {
  current.hooks.afterAll.push(fn as Hook<unknown>);
}
export function beforeEach<T>(fn: (this: T) => void | Promise<void>): void {
  current.hooks.beforeEach.push(fn as Hook<unknown>);
}
export function afterEach<T>(fn: (this: T) => void | Promise<void>): void {
  current.hooks.afterEach.push(fn as Hook<unknown>);
}
export { afterAll as after, beforeAll as before };
