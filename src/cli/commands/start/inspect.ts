/**
 * `inspect`: says what a file's machine is; for `dev` and `simulate`.
 * @module
 */
import { EXIT } from "../../cli_error.ts";
import type { Machine } from "../../../machines/typed/mod.ts";
import { exampleOf } from "../../machine/example.ts";
import type { MachineFacts } from "../../machine/inspect.ts";
import { loadMachine } from "../../machine/load.ts";
import { EXPORT_FLAG } from "../../parser/flags.ts";
import { defineVerb } from "../../parser/verb.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Prints what a file's state machine is.",
  args: [{ name: "FILE", help: "the file that exports the machine", isFile: true }],
  flags: EXPORT_FLAG,
  run: async ({ args: [path], values, terminal }) => {
    const { version, workload, create } = await loadMachine(path!, values.export);
    const { definition }: typeof create & Partial<Pick<Machine, "definition">> = create;
    const operations = Object.keys(definition?.operations ?? {});
    const queries = Object.keys(definition?.queries ?? {});
    const example = exampleOf(workload, operations);
    const facts: MachineFacts = { version, hasWorkload: workload !== undefined, operations, queries, example };
    terminal.print(terminal.isJson ? JSON.stringify(facts) : `${version}${workload ? ", with a workload" : ""}`);
    return EXIT.done;
  },
});
