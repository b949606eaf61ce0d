/**
 * Which test files run beside which, and in what order.
 *
 * Each thread compiles the whole package anew, and V8 optimizes it anew: that costs a file which is loaded by itself a third of a second of
 * CPU, and one that simulates clusters about three. So files that compute alike are loaded together, and few threads have them all. Files that
 * start processes, or wait for real time, stay alone: many of them wait at once.
 *
 * @module
 */
import { textOf } from "./files.ts";

/** The files that take longest, the longest first: 8 s of CPU and more, or 20 s of waiting. */
export const LONGEST: readonly string[] = [
  "tests/e2e/failover_test.ts",
  "tests/docs_test.ts",
  "tests/e2e/membership_test.ts",
  "tests/e2e/kill_all_test.ts",
  "tests/edge/npm_package_test.ts",
  "tests/edge/moved_test.ts",
  "tests/edge/mixed_test.ts",
  "tests/edge/cold_start_test.ts",
  "tests/cli/dev_test.ts",
  "tests/e2e/catching_up_test.ts",
  "tests/e2e/cluster_test.ts",
  "tests/e2e/bench_test.ts",
  "tests/e2e/upgrade_test.ts",
  "tests/e2e/bad_input_test.ts",
  "tests/cli/simulate_test.ts",
  "tests/testing/drills_test.ts",
  "tests/testing/kinds_test.ts",
  "tests/testing/http_test.ts",
  "tests/testing/typed_machine_test.ts",
  "tests/core/view_change_test.ts",
];

/** Folders whose files are loaded together, in so many parts; those that compute longest come first. The other ones are together, too. */
const ROOMS: readonly (readonly [folders: readonly string[], parts: number])[] = [
  [["tests/testing"], 2],
  [["tests/core", "tests/fuzz"], 1],
  [["tests/node"], 1],
  [["tests/cli"], 1],
  [["tests/stores"], 1],
];

/** Folders and files that start processes, or wait for real time. */
const WAITING: readonly string[] = [
  ...[
    "tests/attack",
    "tests/e2e",
    "tests/edge",
    "tests/examples",
    "tests/cli/dev_test.ts",
    "tests/cli/snapshot_test.ts",
  ],
  ...["tests/docs_test.ts", "tests/examples_test.ts", "tests/readme_test.ts", "tests/site_test.ts"],
];

/**
 * Files that only continuous integration runs, before its fresh seeds. Most seeds that once failed stand for other plans by now: they are
 * further seeds that must pass, as the fresh ones are, and take 40 s of CPU.
 */
export const LATER: readonly string[] = ["tests/testing/once_failed_test.ts"];

/** Files that are loaded together. */
export interface Together {
  /** Of the file, or of the first folder and the part. */
  readonly name: string;
  readonly files: readonly string[];
}

/** Test files, each of them once, without the later ones. */
export interface TestPlan {
  /** Files that wait, each alone, in the order in which they start. */
  readonly waiting: readonly string[];
  /** Files that compute, in the order in which they start. */
  readonly computing: readonly Together[];
}

/** What a test leaves open, whose sanitizers are off, would be found by those of a file that is loaded with it. */
const LEAVES_OPEN = /\bsanitize(?:Ops|Resources): false\b/;

/** The plan for these files, by their paths from the root. */
export function planOf(files: readonly string[], text: (path: string) => string | undefined = textOf): TestPlan {
  const isWaiting = (file: string) => WAITING.some((path) => file === path || file.startsWith(`${path}/`));
  const isLong = (file: string) => LONGEST.includes(file);
  const isAlone = (file: string) => LEAVES_OPEN.test(text(file) ?? "");
  const now = files.filter((file) => !LATER.includes(file));
  const ordered = [...LONGEST.filter((file) => now.includes(file)), ...now.filter((file) => !isLong(file))];
  const computing = ordered.filter((file) => !isWaiting(file));
  const rooms = Map.groupBy(computing.filter((file) => !isAlone(file)), roomOf);
  return {
    waiting: ordered.filter(isWaiting),
    computing: [
      ...[...rooms].sort(([one], [other]) => one - other).flatMap(([room, members]) => {
        const [[folder], parts] = ROOMS[room] ?? [["others"], 1];
        return inParts(members, parts).map((files, part) => ({ name: `${nameOf(folder!)}_${part + 1}`, files }));
      }),
      ...computing.filter(isAlone).map((file) => ({ name: nameOf(file), files: [file] })),
    ],
  };
}

/** The place of a file's room in the list of rooms; of any other file, the place after the last one. */
function roomOf(file: string): number {
  const at = ROOMS.findIndex(([folders]) => folders.includes(file.slice(0, file.lastIndexOf("/"))));
  return at < 0 ? ROOMS.length : at;
}

/** A file name that tells a path below tests/. */
export function nameOf(path: string): string {
  return path.replace(/^tests\//, "").replace(/_test\.ts$/, "").replaceAll("/", "_");
}

/** Parts of about the same size; fewer if there are fewer items. */
function inParts<T>(items: readonly T[], most: number): readonly (readonly T[])[] {
  const parts = Math.min(most, items.length);
  return Array.from({ length: parts }, (_, part) => items.filter((_, index) => index % parts === part));
}
