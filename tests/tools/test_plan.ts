/**
 * Which test files run beside which, and in what order.
 *
 * A file that is loaded by itself costs a third of a second of CPU: its thread compiles the whole package anew. So files that only compute are
 * loaded together, a few of one folder at a time. Files that start processes, or wait for real time, stay alone: many of them wait at once.
 *
 * @module
 */
import { textOf } from "./files.ts";

/** The files that take longest, the longest first: 8 s of CPU and more, or 20 s of waiting. Each runs alone. */
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
  "tests/testing/once_failed_test.ts",
  "tests/cli/simulate_test.ts",
  "tests/testing/drills_test.ts",
  "tests/testing/kinds_test.ts",
  "tests/testing/http_test.ts",
  "tests/testing/typed_machine_test.ts",
  "tests/core/view_change_test.ts",
];

/** The folders that compute longest, the longest first: simulations, signatures, disks. */
const HEAVY: readonly string[] = ["tests/testing", "tests/stores", "tests/node", "tests/core", "tests/fuzz"];

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

/** So many files are loaded together at most. */
const TOGETHER = 12;

/** Files that are loaded together. */
export interface Together {
  /** Of the file, or of the folder and the part. */
  readonly name: string;
  readonly files: readonly string[];
}

/** Test files, each of them once. */
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
  const isAlone = (file: string) => isLong(file) || LEAVES_OPEN.test(text(file) ?? "");
  const ordered = [...LONGEST.filter((file) => files.includes(file)), ...files.filter((file) => !isLong(file))];
  const computing = ordered.filter((file) => !isWaiting(file));
  const folders = Map.groupBy(
    computing.filter((file) => !isAlone(file)),
    (file) => file.slice(0, file.lastIndexOf("/")),
  );
  return {
    waiting: ordered.filter(isWaiting),
    computing: [
      ...computing.filter(isAlone).map((file) => ({ name: nameOf(file), files: [file] })),
      ...[...folders].sort(([one], [other]) => rank(one) - rank(other)).flatMap(([folder, members]) =>
        inParts(members, TOGETHER).map((files, part) => ({ name: `${nameOf(folder)}_${part + 1}`, files }))
      ),
    ],
  };
}

/** Where a folder stands in the order of those that compute. */
function rank(folder: string): number {
  const at = HEAVY.indexOf(folder);
  return at < 0 ? HEAVY.length : at;
}

/** A file name that tells a path below tests/. */
function nameOf(path: string): string {
  return path.replace(/^tests\//, "").replace(/_test\.ts$/, "").replaceAll("/", "_");
}

/** As few parts of at most so many as there must be, of about the same size. */
function inParts<T>(items: readonly T[], most: number): readonly (readonly T[])[] {
  const parts = Math.ceil(items.length / most);
  return Array.from({ length: parts }, (_, part) => items.filter((_, index) => index % parts === part));
}
