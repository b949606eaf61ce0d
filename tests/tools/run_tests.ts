/**
 * `deno task test`: runs the tests in more lanes than there are cores, because many of them wait for processes and timers, and the longest
 * files first, so that none of them is left for the end.
 *
 *     deno run -A tests/tools/run_tests.ts [options and paths of deno test]
 *
 * @module
 */
import { exists } from "../../src/cli/files.ts";
import { root } from "./files.ts";

/** The files that take longest, the longest first: 20 s and more on two cores. */
export const LONGEST: readonly string[] = [
  "tests/e2e/failover_test.ts",
  "tests/e2e/kill_all_test.ts",
  "tests/docs_test.ts",
  "tests/testing/once_failed_test.ts",
  "tests/edge/npm_package_test.ts",
  "tests/cli/dev_test.ts",
  "tests/edge/cold_start_test.ts",
  "tests/e2e/fifty_clients_test.ts",
  "tests/e2e/cluster_test.ts",
  "tests/edge/simulated_page_test.ts",
  "tests/e2e/bench_test.ts",
  "tests/e2e/bad_input_test.ts",
  "tests/core/view_change_test.ts",
  "tests/testing/typed_machine_test.ts",
];

const LANES_PER_CORE = 1.5;
const OPTIONS = [
  ...["test", "-A", "--parallel", "--no-check", "--lock=tests/deno.lock"],
  ...["--sanitize-ops", "--sanitize-resources"],
];

/** The arguments of `deno`. Without a path among the given ones all tests run; the same file is never run twice. */
export function argumentsOf(given: readonly string[]): readonly string[] {
  const named = given.some((argument) => argument.startsWith("tests/") || exists(new URL(argument, root).pathname));
  return [...OPTIONS, ...given, ...(named ? [] : [...LONGEST, "."])];
}

async function main(given: readonly string[]): Promise<number> {
  const lanes = Deno.env.get("DENO_JOBS") ?? String(Math.ceil(LANES_PER_CORE * navigator.hardwareConcurrency));
  const command = new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(given)],
    cwd: root,
    env: { DENO_JOBS: lanes },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  const child = command.spawn();
  // Who stops this process means the tests.
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => stop(child, signal));
  return (await child.status).code;
}

function stop(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch { /* it has ended */ }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
