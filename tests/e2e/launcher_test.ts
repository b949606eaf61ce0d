/** `deno task cluster` ends with whoever started it. */
import { root } from "../tools/files.ts";
import { eventually, isAlive, Lines } from "./_cluster_process.ts";
import { inFolder } from "../tools/folder.ts";

/** Does with signals what npx does: it passes none on. */
const NPX = `
const { spawn } = require("node:child_process");
spawn("sh", ["-c", process.argv.slice(2).join(" ")], { stdio: "inherit" });
`;

function has(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Starts a cluster by `command`, ends that process alone, and waits until everything that it started is gone. */
async function startAndEnd(command: string, args: readonly string[], signal: Deno.Signal): Promise<void> {
  const process = new Deno.Command(command, {
    args: [...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const out = new Lines(process.stdout);
  await out.find(/^cluster ready$/);
  const pids = out.all.flatMap((line) => /pid (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  process.kill(signal);
  await process.status;
  await eventually("all replicas are gone", () => !pids.some(isAlive));
  // The command itself holds the other end of the pipe for as long as it lives.
  await out.done;
}

Deno.test("deno task cluster leaves nothing behind when deno task is killed", () =>
  inFolder((folder) =>
    startAndEnd(Deno.execPath(), ["task", "cluster", "--data", `${folder}/data`, "--port", "0"], "SIGKILL")
  ));

Deno.test({
  name: "npx … deno task cluster leaves nothing behind when npx gets SIGTERM, which it does not pass on",
  ignore: !has("node"),
  fn: () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/npx.cjs`, NPX);
      const task = [Deno.execPath(), "task", "cluster", "--data", `${folder}/data`, "--port", "0"];
      await startAndEnd("node", [`${folder}/npx.cjs`, ...task], "SIGTERM");
    }),
});
