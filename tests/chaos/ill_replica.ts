/**
 * A replica process as `pbft serve` runs it, on a host that is ill: its clock is wrong, or each commit of its store takes long. The
 * variable PBFT_ILL has the {@linkcode Illness} as JSON; the arguments are those of `serve`.
 * @module
 */
import process from "node:process";
import { verb } from "../../src/cli/commands/replica.ts";
import { runCommand } from "../../src/cli/cli_error.ts";
import { runVerb } from "../../src/cli/parser/dispatch.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";

/** What is wrong with a host. */
export interface Illness {
  /** The clock's error, ms. */
  readonly clockMs?: number;
  /** Each commit takes so much longer, ms. */
  readonly commitMs?: number;
  /** The thread stands still meanwhile, as it does while the operating system writes to a slow disk. */
  readonly blocks?: boolean;
}

function fallIll({ clockMs = 0, commitMs = 0, blocks = false }: Illness): void {
  if (clockMs !== 0) {
    const now = Date.now.bind(Date);
    Date.now = () => now() + clockMs;
  }
  if (commitMs === 0) return;
  const commit = SqliteStore.prototype.commit;
  const never = new Int32Array(new SharedArrayBuffer(4));
  SqliteStore.prototype.commit = async function (this: SqliteStore, ...args: Parameters<typeof commit>) {
    if (blocks) Atomics.wait(never, 0, 0, commitMs);
    else await new Promise((resolve) => setTimeout(resolve, commitMs));
    return await commit.apply(this, args);
  };
}

if (import.meta.main) {
  fallIll(JSON.parse(process.env.PBFT_ILL ?? "{}"));
  await runCommand(() => runVerb("serve", verb, process.argv.slice(2), console.log), undefined, { isBrief: true });
}
