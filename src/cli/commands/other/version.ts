/**
 * `version`: the version of this package, and of the runtime.
 * @module
 */
import process from "node:process";
import { EXIT } from "../../cli_error.ts";
import { defineVerb } from "../../parser/verb.ts";
import { RUNTIME } from "../../runtime.ts";
import { VERSION } from "../../version.ts";

/** The verb. */
export const verb = defineVerb({
  about: "Prints the version of this package, and of the runtime.",
  flags: {},
  run: ({ terminal }) => {
    const runtime = RUNTIME === "node" ? process.versions.node : process.versions[RUNTIME];
    const facts = {
      version: VERSION,
      runtime: `${RUNTIME} ${runtime}`,
      platform: `${process.platform} ${process.arch}`,
    };
    terminal.print(terminal.isJson ? JSON.stringify(facts) : `pbft ${VERSION} (${facts.runtime}, ${facts.platform})`);
    return EXIT.done;
  },
});
