/**
 * `init`: the cluster file and one key per member, for a cluster whose members are in several places.
 * @module
 */
import { parseArgs } from "node:util";
import { DEFAULT_LIMITS, type Genesis } from "../core/config.ts";
import { maxFaulty } from "../core/quorum.ts";
import { generateKeyPair } from "../crypto/mod.ts";
import { type ClusterFile, parseClusterFile } from "../wire/mod.ts";
import { CliError, reasonOf } from "./cli_error.ts";
import { exists } from "./cluster_data.ts";

/** What `init --help` prints. */
export const INIT_HELP = `Makes a cluster file and one private key per member.

  init NAME=URL NAME=URL NAME=URL NAME=URL [...] [options]

  --folder DIR    where to write them (pbft)
  --title TEXT    the cluster's name, for people (pbft)
  --machine NAME  version of the state machine that all members run (key-value/1)
  --interval K    a checkpoint every K batches; a replica that starts reads up to 4 K (32)
  --help          print this

Writes DIR/cluster.json, which every member and client gets, and DIR/NAME/key, which only that member gets.
With 4 members one may fail or lie, with 7 two, with 10 three.`;

/** A name is a folder and a variable's value too. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

/** Runs it. Gives the exit code. */
export function init(args: readonly string[], print: (line: string) => void): number {
  const { values, positionals } = parse(args);
  if (values.help || positionals.length === 0) {
    print(INIT_HELP);
    return values.help ? 0 : 2;
  }
  const members = positionals.map(memberOf);
  const keys = members.map(() => generateKeyPair());
  const interval = integer("interval", values.interval ?? "32");
  const genesis: Genesis = {
    name: values.title ?? "pbft",
    replicas: members.map(({ name }, i) => ({ name, publicKey: keys[i]!.publicKey })),
    checkpointInterval: interval,
    logWindow: 4 * interval,
    stateMachine: values.machine ?? "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  const cluster = checked({ genesis, urls: Object.fromEntries(members.map(({ name, url }) => [name, url])) });
  const folder = values.folder ?? "pbft";
  try {
    write(folder, cluster, keys.map(({ privateKey }) => privateKey));
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${folder}: ${reasonOf(error)}`);
  }
  print(`${folder}/cluster.json: ${members.length} members, of which ${maxFaulty(members.length)} may fail or lie`);
  for (const { name, url } of members) print(`${folder}/${name}/key: the secret of ${name} at ${url}`);
  print("Give each member cluster.json and its own key, and delete the keys here.");
  return 0;
}

function write(folder: string, cluster: ClusterFile, keys: readonly string[]): void {
  const path = `${folder}/cluster.json`;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const existing of [path, ...cluster.genesis.replicas.map(({ name }) => `${folder}/${name}/key`)]) {
    if (exists(existing)) throw new CliError(`${existing} is there already; --folder takes another place`);
  }
  cluster.genesis.replicas.forEach(({ name }, i) => {
    Deno.mkdirSync(`${folder}/${name}`, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(`${folder}/${name}/key`, `${keys[i]}\n`, { mode: 0o600, createNew: true });
  });
  // Last: a folder that has it is complete.
  Deno.writeTextFileSync(path, JSON.stringify(cluster, null, 2) + "\n", { createNew: true });
}

function memberOf(text: string): { readonly name: string; readonly url: string } {
  const at = text.indexOf("=");
  const [name, url] = [text.slice(0, at), text.slice(at + 1)];
  if (at > 0 && NAME.test(name)) return { name, url };
  throw new CliError(`${text}: expected NAME=URL, the name of letters, digits, - and _ (see init --help)`, 2);
}

function checked(cluster: ClusterFile): ClusterFile {
  try {
    return parseClusterFile(JSON.parse(JSON.stringify(cluster)));
  } catch (error) {
    throw new CliError(reasonOf(error), 2);
  }
}

function integer(option: string, text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw new CliError(`--${option}: expected a number from 1 to 999999, got ${text}`, 2);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        folder: { type: "string" },
        title: { type: "string" },
        machine: { type: "string" },
        interval: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new CliError(`${(error as Error).message.split(/\. |\n/, 1)[0]} (see init --help)`, 2);
  }
}
