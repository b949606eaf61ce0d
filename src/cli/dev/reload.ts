/**
 * What `dev` does when the file of the machine has changed: type check, a short simulation, and then all replicas
 * restart.
 * @module
 */
import { CliError } from "../cli_error.ts";
import { inspectMachine } from "../machine/inspect.ts";
import { runSelf } from "../machine/inspect.ts";
import type { LocalMachine } from "../local_cluster/prepare.ts";
import type { Running } from "../local_cluster/start.ts";
import type { DevOutput } from "./dev_output.ts";
import { checkTypes } from "./type_check.ts";

/** A replica that is not ready again after this time is not waited for, ms. */
const READY_MS = 15_000;
/** The simulation after each change: some runs, and no longer than this, minutes. */
const SIMULATION = { runs: 10, minutes: 0.25 };

/** Options of {@linkcode reload}. */
export interface ReloadOptions {
  readonly machine: LocalMachine;
  readonly running: Running;
  readonly output: DevOutput;
  /** Whether the states are in memory: then they begin anew. */
  readonly memory: boolean;
}

/**
 * Takes a changed machine into use, if nothing is wrong with it. Otherwise the replicas go on with the machine that
 * they run.
 */
export async function reload(changed: string, options: ReloadOptions): Promise<void> {
  const { machine, output } = options;
  const keep = (why: string) => {
    // Ctrl-C ends the type check and the simulation, too. That says nothing about the machine.
    if (!output.isStopping) output.say(`${changed} changed: ${why}\nThe replicas still run the version before.`);
  };
  const types = await checkTypes(machine.path);
  if (types?.isRight === false) return keep(`type check failed\n${types.text}`);
  const done = [types === null ? "types not checked" : "type check ok"];
  try {
    const { version, hasWorkload } = await inspectMachine(machine);
    if (version !== machine.version) {
      return keep(
        `it is ${version} now, and the cluster runs ${machine.version}; begin anew: Ctrl-C, then pbft dev with --fresh`,
      );
    }
    if (hasWorkload) {
      const { code, out, err } = await runSelf(simulationOf(machine), machine.path);
      if (code !== 0) return keep(`the simulation found a fault\n${(out + err).trim()}`);
      done.push(`simulated ${SIMULATION.runs} runs ok`);
    } else done.push("not simulated, as it exports no workload");
  } catch (error) {
    if (error instanceof CliError) return keep([error.message, error.lines.looked].filter(Boolean).join("\n"));
    throw error;
  }
  if (output.isStopping) return;
  const began = performance.now();
  const isReady = await restartAll(options);
  const { failed, alive } = options.running.supervisor;
  if (failed.length > 0) {
    const others = alive.length > 0 ? `; ${alive.join(", ")} still run the version before` : "";
    return output.say(
      `${changed} changed: ${failed.join(", ")} ended with it${others}. The next change starts them again.`,
    );
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const how = options.memory
    ? "replicas begin anew, as their states were in memory"
    : "replicas restarted one after another";
  output.say(
    `${changed} changed: ${[...done, how].join(", ")} (${seconds} s)${
      isReady ? "" : "; not all are ready yet"
    }\npids: ${options.running.supervisor.processes}`,
  );
}

function simulationOf({ path, exportName }: LocalMachine): readonly string[] {
  const chosen = exportName === undefined ? [] : ["--export", exportName];
  return [
    "simulate",
    path,
    ...chosen,
    "--runs",
    `${SIMULATION.runs}`,
    "--minutes",
    `${SIMULATION.minutes}`,
    "--no-shrink",
    "--quiet",
  ];
}

async function restartAll({ running, memory }: ReloadOptions): Promise<boolean> {
  const { supervisor, renew } = running;
  const names = [...supervisor.failed, ...supervisor.alive];
  if (memory) return await renew(() => supervisor.restart(names, READY_MS));
  let areReady = true;
  // One after another, so that there is always a quorum. It stops if a restarted replica ends, for instance because the
  // file was removed meanwhile.
  for (const name of names) {
    areReady = await supervisor.restart([name], READY_MS) && areReady;
    if (supervisor.failed.includes(name)) return false;
  }
  return areReady;
}
