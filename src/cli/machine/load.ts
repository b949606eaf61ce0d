/**
 * Imports a state machine of the user's own.
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type MachineMaker, MachineVersions, type StateMachines } from "../../core/epochs/versions.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import type { Workload } from "../../testing/mod.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { exists } from "../files.ts";
import { prepareTypescript } from "./typescript.ts";

/** A machine, and what its module says about it. */
export interface LoadedMachine {
  /** Makes the machine in its initial state. */
  readonly create: () => StateMachine;
  /** All its versions that the module gives. */
  readonly machines: StateMachines;
  /** Its version, such as `bank/1`. */
  readonly version: string;
  /** The operations that the simulator sends to it. */
  readonly workload?: Workload;
  /** The export that makes it. */
  readonly exportName: string;
}

/** Methods by which a state machine is known. */
const METHODS = ["execute", "query", "takeChanges", "restore"] as const;

/**
 * Imports the module and makes the machine once, to see what it is. A module gives it by its default export, or by its
 * only export that is one: a function without arguments that makes it, its class, or an object with its versions, of
 * which the last one is meant. `copy`: each number is a module of its own, with its own variables.
 * @throws {CliError} if there is no such file, if it does not compile or throws, or has no machine or several.
 */
export async function loadMachine(path: string, name?: string, copy: number = 0): Promise<LoadedMachine> {
  if (!exists(path)) {
    throw new CliError(`${path}: no such file`, EXIT.usage, { next: "name the file that exports your state machine" });
  }
  await prepareTypescript(path);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await import(pathToFileURL(resolve(path)).href + (copy === 0 ? "" : `?copy=${copy}`));
  } catch (error) {
    throw new CliError(`${path}: it cannot be loaded: ${reasonOf(error)}`, EXIT.no, { looked: placeOf(error, path) });
  }
  const names = name !== undefined ? [name] : "default" in module ? ["default"] : Object.keys(module);
  const machines = names.flatMap((name) => {
    const made = machineOf(module[name], `${path}: ${name}`, names.length === 1);
    return made ? [{ ...made, exportName: name }] : [];
  });
  const [machine, ...others] = machines;
  if (machine === undefined) throw noMachine(path, name, Object.keys(module));
  if (others.length > 0) {
    const found = machines.map(({ exportName }) => exportName).join(", ");
    throw new CliError(`${path}: expected one state machine, got ${found}`, EXIT.usage, {
      next: "choose one with --export NAME",
    });
  }
  const { workload } = module;
  return { ...machine, ...(isWorkload(workload) && { workload }) };
}

/** A factory of machines; `null` if the export is something else. */
function machineOf(
  exported: unknown,
  place: string,
  isChosen: boolean,
): Pick<LoadedMachine, "create" | "version" | "machines"> | null {
  if (isChosen && isVersions(exported)) {
    const versions = attempt(place, () => MachineVersions.of(exported));
    const version = versions.names.at(-1)!;
    const create = () => versions.create(version);
    attempt(place, create);
    return { create, version, machines: exported };
  }
  if (isMachineClass(exported)) return machineOf(() => new exported(), place, isChosen);
  if (typeof exported !== "function" || (exported.length > 0 && !isChosen) || isClass(exported)) return null;
  let made: unknown;
  try {
    made = exported();
  } catch (error) {
    if (!isChosen) return null;
    throw new CliError(`${place}() threw: ${reasonOf(error)}`, EXIT.no, { looked: placeOf(error, place) });
  }
  const create = exported as MachineMaker;
  return isMachine(made) ? { create, version: made.version, machines: create } : null;
}

/** The same versions, each of whose machines is wrapped. */
export function wrapped(machines: StateMachines, wrap: (machine: StateMachine) => StateMachine): StateMachines {
  const versions = typeof machines === "function" ? machines.versions : machines;
  if (!versions) return () => wrap((machines as MachineMaker)());
  const all = Object.entries(versions).map(([version, given]) => {
    const { create, ...rest } = typeof given === "function" ? { create: given } : given;
    return [version, { ...rest, create: () => wrap(create()) }] as const;
  });
  return Object.fromEntries(all);
}

function attempt<T>(place: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new CliError(`${place}: ${reasonOf(error)}`, EXIT.no, { looked: placeOf(error, place) });
  }
}

/** Whether it may be an object with versions: `{ "accounts/1": create }`. */
function isVersions(exported: unknown): exported is Exclude<StateMachines, MachineMaker> {
  return typeof exported === "object" && exported !== null && Object.keys(exported).length > 0 &&
    Object.keys(exported).every((name) => /^[\x21-\x7e]+\/[\x21-\x7e]+$/.test(name));
}

/** A class whose instances are machines. */
function isMachineClass(exported: unknown): exported is new () => StateMachine {
  if (typeof exported !== "function" || !isClass(exported) || exported.length > 0) return false;
  return METHODS.every((method) => typeof exported.prototype[method] === "function");
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

function isMachine(value: unknown): value is StateMachine {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return typeof fields.version === "string" && METHODS.every((method) => typeof fields[method] === "function");
}

function isWorkload(value: unknown): value is Workload {
  return typeof value === "object" && value !== null && "operation" in value && typeof value.operation === "function";
}

function noMachine(path: string, name: string | undefined, exports: readonly string[]): CliError {
  const what = name === undefined ? "no export makes a state machine" : `${name} makes no state machine`;
  return new CliError(`${path}: ${what}`, EXIT.usage, {
    looked: `its exports: ${exports.join(", ") || "none"}`,
    next: "export a function without arguments that returns a StateMachine, or its class (docs/state_machine.md)",
  });
}

/** The line of the stack that is in the user's file. */
function placeOf(error: unknown, path: string): string | undefined {
  const file = path.split(/[\\/]/).at(-1)!.split(":")[0]!;
  const lines = error instanceof Error ? (error.stack ?? "").split("\n").slice(1) : [];
  return lines.map((line) => line.trim()).find((line) => line.includes(file));
}
