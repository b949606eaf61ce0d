/**
 * The house's rules as functions from sources to violations; `tests/architecture_test.ts` holds them.
 * @module
 */
import { importsOf, usesOf } from "./source.ts";

/** Path from the project's root, with `/`, to text. */
export type Sources = ReadonlyMap<string, string>;

/** What the files of one folder may import. */
interface Room {
  /** Folders of `src`, or single files of them. Its own folder always. */
  readonly imports: readonly string[];
  /** Folders or files of which only types may be imported. */
  readonly types?: readonly string[];
  /** Packages by name (a subpath counts), `node:` for all of Node's modules. */
  readonly packages?: readonly string[];
  /** Names that its code must not use. */
  readonly without: readonly string[];
}

/** What ties code to a server runtime. */
const platform = ["Deno", "Bun", "Buffer", "process", "require", "__dirname", "__filename"];
const timers = ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval"];
const clocks = ["Date", "performance", "Temporal"];
const world = [...platform, ...timers, ...clocks, "fetch", "console", "crypto", "globalThis", "Math\\s*\\.\\s*random"];

/** Ordered from below: nothing imports a folder that stands under it in this table, but for {@linkcode Room.types}. */
const rooms: Readonly<Record<string, Room>> = {
  core: { imports: [], without: [...world, "async", "await", "Promise", "queueMicrotask", "AbortSignal"] },
  wire: { imports: ["core"], packages: ["cborg"], without: world },
  crypto: { imports: ["core", "wire"], types: ["node/ports.ts"], packages: ["node:crypto"], without: platform },
  guard: { imports: ["core"], without: platform },
  machines: { imports: ["core", "guard"], without: world },
  node: { imports: ["core", "wire", "crypto"], without: [...world, "AbortSignal\\s*\\.\\s*timeout"] },
  stores: { imports: ["core", "wire", "crypto", "node"], packages: ["node:"], without: [] },
  snapshot: { imports: ["core", "wire", "crypto", "node"], packages: ["node:"], without: ["Deno", "Bun", "Buffer"] },
  protocol: { imports: ["core", "wire", "crypto"], types: ["node"], without: world },
  client: { imports: ["core", "wire", "crypto", "machines"], types: ["node/ports.ts"], without: platform },
  telemetry: {
    imports: ["core"],
    types: ["node", "client"],
    packages: ["@opentelemetry/api"],
    without: [...platform, ...timers],
  },
  page: { imports: [], without: platform },
  http: {
    imports: ["core", "wire", "crypto", "machines", "node", "stores", "snapshot", "client"],
    packages: ["hono"],
    without: platform,
  },
  testing: {
    imports: ["core", "wire", "crypto", "guard", "machines", "node", "stores", "client", "http"],
    without: platform,
  },
  runtime: {
    imports: ["core", "wire", "crypto", "machines", "node", "stores", "snapshot", "client", "http"],
    packages: ["hono", "@hono/node-server", "node:", "ws"],
    without: [],
  },
  cli: {
    imports: [
      "core",
      "wire",
      "crypto",
      "guard",
      "machines",
      "node",
      "stores",
      "snapshot",
      "client",
      "http",
      "runtime",
      "testing",
      "page",
      "telemetry",
    ],
    packages: ["commander", "hono", "node:"],
    without: [],
  },
};

/** mod.ts gives the whole to users: everything but programs, and what has an export of its own: the simulator and OpenTelemetry. */
const front: Room = {
  imports: Object.keys(rooms).filter((name) => !["cli", "testing", "telemetry"].includes(name)),
  without: world,
};

/** What must run in Deno, Node and browsers alike, with all that it imports. */
const portable = /^mod\.ts$|^src\/(?:core|wire|guard|machines|client|protocol|telemetry)\/|^src\/crypto\/web/;

function roomOf(path: string): Room | undefined {
  if (path === "mod.ts") return front;
  const folder = /^src\/([^/]+)\/./.exec(path)?.[1];
  return folder !== undefined && Object.hasOwn(rooms, folder) ? rooms[folder] : undefined;
}

/** Imports against the arrows, unknown folders, files that are not there, and what is not portable where it must be. */
export function importViolations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => {
    const room = roomOf(path);
    if (!room) return [`${path}: no rule for its folder; name it in tests/tools/architecture.ts`];
    return importsOf(source).flatMap(({ specifier, typeOnly, line }) => {
      const why = specifier === null ? computed(path) : objection(sources, path, room, specifier, typeOnly);
      return why === null ? [] : [`${path}:${line} ${why}`];
    });
  });
}

/** Files that import what the user names: a state machine of one's own, and what its project imports TypeScript with. */
const loaders: readonly string[] = ["src/cli/machine/load.ts", "src/cli/machine/typescript.ts"];

function computed(path: string): string | null {
  return loaders.includes(path) ? null : "imports what is computed";
}

function objection(sources: Sources, path: string, room: Room, specifier: string, typeOnly: boolean): string | null {
  if (!/^\.\.?\//.test(specifier)) {
    const allowed = (room.packages ?? []).some((name) =>
      specifier === name || specifier.startsWith(name.endsWith(":") ? name : `${name}/`)
    );
    return allowed ? null : `must not import ${specifier}`;
  }
  const target = resolve(path, specifier);
  if (!sources.has(target)) return `imports ${target}, which is not there or not published`;
  const isAmong = (names: readonly string[]) =>
    names.some((name) => target === `src/${name}` || target.startsWith(`src/${name}/`));
  const own = path.split("/").slice(1, 2);
  const allowed = isAmong([...path === "mod.ts" ? [] : own, ...room.imports]) || typeOnly && isAmong(room.types ?? []);
  return allowed ? null : `must not import ${typeOnly ? "types of " : ""}${target}`;
}

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** Names that a folder's code must not use: what makes the core impure, what ties to a runtime. */
export function nameViolations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => {
    const names = roomOf(path)?.without ?? [];
    if (names.length === 0) return [];
    return usesOf(source, names).map(({ name, line }) => `${path}:${line} must not use ${name}`);
  });
}

/** What came after Node 20.16, which the package promises to run under. */
const newer = [
  ...["Promise\\.withResolvers", "Promise\\.try", "Array\\.fromAsync", "Object\\.groupBy", "Map\\.groupBy"],
  ...["RegExp\\.escape", "Iterator\\.from", "Error\\.isError", "Math\\.sumPrecise", "DisposableStack"],
  ...["AsyncDisposableStack", "Float16Array", "SuppressedError", "Temporal\\.\\w+"],
];

/** Code that uses it. */
export function newerViolations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) =>
    usesOf(source, newer).map(({ name, line }) => `${path}:${line} ${name} is not in Node 20.16`)
  );
}

/** What changes variables, the directory or the mask of new files for everything that runs in the process. */
const sharing = [
  ...["Deno\\.env\\.(?:set|delete)", "(?:Deno|process)\\.(?:chdir|umask)", "process\\.loadEnvFile"],
  ...["process\\.env(?=\\s*=[^=>])", "process\\.env(?:\\.\\w+|\\[[^\\]]*\\])(?=\\s*(?:\\?\\?|\\|\\||&&|\\+)?=[^=>])"],
  ...["delete\\s+process\\.env", "Object\\.assign\\(\\s*process\\.env", "Reflect\\.\\w+\\(\\s*process\\.env"],
];

/** Tests that change what their process has once: test files run in threads of one process, so that another file's tests see the change. */
export function sharingViolations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) =>
    usesOf(source, sharing).map(({ name, line }) => `${path}:${line} ${name} changes the process of all tests`)
  );
}

/** Portable code that reaches `node:` or a runtime's globals through what it imports. */
export function portabilityViolations(sources: Sources): string[] {
  const reached = new Map<string, string>();
  const follow = (path: string, by: string) => {
    const source = sources.get(path);
    if (source === undefined || reached.has(path)) return;
    reached.set(path, by);
    for (const { specifier, typeOnly } of importsOf(source)) {
      if (specifier?.startsWith(".") && !typeOnly) follow(resolve(path, specifier), path);
    }
  };
  for (const path of sources.keys()) if (portable.test(path)) follow(path, "itself");
  return [...reached].flatMap(([path, by]) => {
    const source = sources.get(path)!;
    const modules = importsOf(source).filter(({ specifier, typeOnly }) => !typeOnly && specifier?.startsWith("node:"));
    return [
      ...modules.map(({ specifier, line }) => `${path}:${line} must be portable (imported by ${by}): ${specifier}`),
      ...usesOf(source, platform).map(({ name, line }) =>
        `${path}:${line} must be portable (imported by ${by}): ${name}`
      ),
    ];
  });
}

/** Files of more than `most` lines without a reason, and reasons without such a file. */
export function lengthViolations(
  sources: Sources,
  most: number,
  reasons: Readonly<Record<string, string>>,
): string[] {
  const long = [...sources].flatMap(([path, source]) => {
    const lines = source.trimEnd().split("\n").length;
    return lines > most ? [{ path, lines }] : [];
  });
  const stale = Object.keys(reasons).filter((path) => !long.some((file) => file.path === path));
  return [
    ...long.filter(({ path }) => !Object.hasOwn(reasons, path)).map(({ path, lines }) => `${path} has ${lines} lines`),
    ...stale.map((path) => `${path} is named as long and is not`),
  ];
}

/** Files that import each other in a circle, by value or by type: none of them can be understood, or changed, without the others. */
export function circleViolations(sources: Sources): string[] {
  const targets = new Map([...sources].map(([path, source]) => {
    const specifiers = importsOf(source).flatMap(({ specifier }) => specifier?.startsWith(".") ? [specifier] : []);
    return [path, specifiers.map((specifier) => resolve(path, specifier)).filter((target) => sources.has(target))];
  }));
  return circlesIn(targets).map((circle) => `${circle.join(", ")}: a circle of ${circle.length} files`);
}

/** The strongly connected components of more than one node, or of one that leads to itself (Tarjan, 1972). */
function circlesIn(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const found = new Map<string, { readonly index: number; lowest: number; isOpen: boolean }>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string) => {
    const own = { index: found.size, lowest: found.size, isOpen: true };
    found.set(node, own);
    open.push(node);
    for (const target of targets.get(node) ?? []) {
      const known = found.get(target) ?? visit(target);
      if (known.isOpen) own.lowest = Math.min(own.lowest, known.lowest);
    }
    if (own.lowest === own.index) {
      const circle = open.splice(open.indexOf(node));
      for (const member of circle) found.get(member)!.isOpen = false;
      if (circle.length > 1 || targets.get(node)?.includes(node)) circles.push(circle.sort());
    }
    return own;
  };
  for (const node of targets.keys()) if (!found.has(node)) visit(node);
  return circles.sort((a, b) => a[0]! < b[0]! ? -1 : 1);
}

/** Folders with more than `most` files without a reason, and reasons without such a folder. What lies in folders below does not count. */
export function folderViolations(
  sources: Sources,
  most: number,
  reasons: Readonly<Record<string, string>>,
): string[] {
  const sizes = new Map<string, number>();
  for (const path of sources.keys()) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (path.includes("/")) sizes.set(folder, (sizes.get(folder) ?? 0) + 1);
  }
  const large = [...sizes].filter(([, size]) => size > most).sort();
  const stale = Object.keys(reasons).filter((folder) => (sizes.get(folder) ?? 0) <= most);
  return [
    ...large.filter(([folder]) => !Object.hasOwn(reasons, folder)).map(([folder, size]) =>
      `${folder} has ${size} files`
    ),
    ...stale.map((folder) => `${folder} is named as large and is not`),
  ];
}
