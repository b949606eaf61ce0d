/** The entry of a member on Deno Deploy; ../deno_deploy/README.md says the rest. */
import { run } from "../deno_deploy/replica.ts";
import { flags } from "./machine.ts";

await run({ stateMachine: flags });
