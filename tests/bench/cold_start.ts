/**
 * `deno task bench:cold`: what one request costs on a replica that is started for it, with small and large states: time, what is
 * read from the store, and memory.
 * @module
 */
import { parseArgs } from "node:util";
import type { Measured } from "./cold_start_once.ts";
import { spread } from "./stats.ts";
import { natural } from "../../src/cli/numbers.ts";
import { CliError, runCommand } from "../../src/cli/cli_error.ts";

const HELP = `Measures one request on a replica that is started for it, each time in a process of its own.

  deno task bench:cold [options]

  --keys LIST     how many keys the state has (10,10000,1000000)
  --stores LIST   sqlite, kv (sqlite,kv)
  --rounds R      starts per setting; the median is printed (5)
  --json FILE     write all of it as JSON, too
  --help          print this

A state is written once per setting, key user:I with a value of 13 to 19 characters; each start increments one counter.`;

const ONCE = new URL("./cold_start_once.ts", import.meta.url).pathname;

/** All starts of one setting. */
interface Setting {
  readonly store: string;
  readonly keys: number;
  readonly rounds: readonly Measured[];
}

if (import.meta.main) await runCommand(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: "string", default: "10,10000,1000000" },
      stores: { type: "string", default: "sqlite,kv" },
      rounds: { type: "string", default: "5" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const rounds = natural("--rounds", values.rounds, { min: 1 });
  const sizes = values.keys.split(",").map((keys) => natural("--keys", keys, { min: 1 }));
  const stores = values.stores.split(",");
  const unknown = stores.find((store) => store !== "sqlite" && store !== "kv");
  if (unknown !== undefined) throw new CliError(`--stores: expected sqlite, kv, got ${unknown} (see --help)`, 2);
  const settings: Setting[] = [];
  console.log("| store | keys | ms | of that opening | reads | blobs | KB read | memory above an empty process, MB |");
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const store of stores) {
    for (const keys of sizes) {
      const setting = await measured(store, keys, rounds);
      settings.push(setting);
      console.log(row(setting));
    }
  }
  if (values.json !== undefined) await Deno.writeTextFile(values.json, JSON.stringify(settings, null, 2));
  return 0;
}

async function measured(store: string, keys: number, rounds: number): Promise<Setting> {
  const folder = await Deno.makeTempDir({ prefix: "cold-" });
  try {
    await once("write", store, folder, keys);
    const files = [...Deno.readDirSync(folder)];
    const starts: Measured[] = [];
    for (let i = 0; i < rounds; i++) {
      const copy = `${folder}/${i}`;
      await Deno.mkdir(copy);
      for (const { name } of files) await Deno.copyFile(`${folder}/${name}`, `${copy}/${name}`);
      starts.push(JSON.parse(await once("start", store, copy, keys)));
      await Deno.remove(copy, { recursive: true });
    }
    return { store, keys, rounds: starts };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function once(what: "write" | "start", store: string, folder: string, keys: number): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", ONCE, what, store, folder, String(keys)],
    stdout: "piped",
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`${what} ${store} with ${keys} keys failed`);
  return new TextDecoder().decode(stdout);
}

function row({ store, keys, rounds }: Setting): string {
  const of = (field: (round: Measured) => number) => spread(rounds.map(field)).median;
  const cells = [
    store,
    keys.toLocaleString("en"),
    of((round) => round.ms).toFixed(1),
    of((round) => round.openMs).toFixed(1),
    of((round) => round.reads),
    of((round) => round.blobs),
    (of((round) => round.bytes) / 1000).toFixed(1),
    (of((round) => round.memoryBytes) / 1e6).toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}
