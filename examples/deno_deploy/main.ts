/**
 * One replica on Deno Deploy. Which one it is comes from the app's environment variables; see the README beside this file.
 */
import { run } from "./replica.ts";

await run();
