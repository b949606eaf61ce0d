/**
 * `init`: makes the cluster file and one key per member, for a cluster on several machines.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { DEFAULT_LIMITS, type Genesis } from "../../core/config.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import { generateKeyPair, importKeyPair } from "../../crypto/mod.ts";
import { type ClusterFile, parseClusterFile } from "../../wire/mod.ts";
import { checkpointInterval, fits, mostMembers, WINDOW_INTERVALS } from "./checkpoint_interval.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { EXPORT_FLAG } from "../parser/flags.ts";
import { defineVerb } from "../parser/verb.ts";
import { exists } from "../files.ts";
import { ignoreSecrets } from "./git_ignore.ts";
import { readKey, writeKey } from "../key_file.ts";
import { findOrigin, type FoundOrigin, type OriginFlags } from "../genesis/origin.ts";
import { checkMembers } from "../genesis/members.ts";
import { signGenesis } from "../genesis/sign.ts";
import { natural } from "../numbers.ts";

/** The default number of batches between two checkpoints. Large clusters get fewer. */
const DEFAULT_INTERVAL = 32;

/** The verb. */
export const verb = defineVerb({
  about: `Makes a cluster file and one private key per member.

  sign     \`pbft init sign [FILE] --key FILE\` adds the signature of the member with this key to a cluster file`,
  args: [{
    name: "NAME=URL",
    isList: true,
    isOptional: true,
    help:
      "a member and its URL; NAME=URL,KEY: one that made its own key, whose public key is KEY; or sign, and a cluster file",
  }],
  flags: {
    "key": {
      value: "NAME",
      help: "make only the key of this member, and print its public key; sign: the file with the member's private key",
      isLocal: true,
    },
    "folder": { value: "DIR", isFile: true, help: "folder to write to (pbft)" },
    "title": { value: "TEXT", help: "name of the cluster, for people (pbft)" },
    "machine": { value: "NAME", help: "version of the state machine that all members run (key-value/1)" },
    "from": {
      value: "FOLDER",
      isFile: true,
      help: "begin with the newest snapshot in this folder, as after a total loss; its rules are kept",
      isLocal: true,
    },
    "sequence": { value: "NUMBER", help: "with --from: the snapshot of this number", isLocal: true },
    "cluster": { value: "FILE", isFile: true, help: "with --from: the cluster file of the snapshot", isLocal: true },
    "chain": { value: "FILE", isFile: true, help: "with --from: its chain of epochs", isLocal: true },
    "migrate": {
      value: "FILE",
      isFile: true,
      help:
        "with --from and --machine: the file that exports the machine; its migration makes the new state from the snapshot",
      isLocal: true,
    },
    ...EXPORT_FLAG,
    "interval": {
      value: "K",
      help: `a checkpoint every K batches; a replica that starts reads up to ${WINDOW_INTERVALS} K batches ` +
        `(${DEFAULT_INTERVAL}, or less with many members)`,
    },
  },
  notes: `Writes DIR/cluster.json for all members and clients, DIR/NAME/key for that member only, and a
DIR/.gitignore that keeps the keys out of Git. Of 4 members 1 may be faulty, of 7 members 2, of 10 members 3.

To keep each key with its owner, each owner runs \`init --key NAME\` and sends the public key. Then one of
them runs \`init\` with NAME=URL,KEY for all members, and sends everybody the cluster file. Each owner checks that
the file has the right key for each member, runs \`init sign\`, and passes the file to the next owner. pbft check
shows who has signed. Every verb refuses a genesis that was changed after somebody signed it.

With --from FOLDER the new cluster begins with a snapshot: after a total loss, or as a copy for tests. Then each member
is started once with pbft serve … --start new --origin FOLDER. Sessions and results of clients are a part of the state.
With --machine NAME/VERSION and --migrate FILE it begins with the state of another version of the machine.`,
  run: ({ args, values, terminal }) => {
    const [first, file, ...more] = args;
    if (first !== "sign") return init(args, values, terminal.print);
    if (more.length > 0) throw usage(`sign: expected one cluster file, got ${more[0]} as well`);
    if (!values.key) throw usage("sign: expected --key FILE, the private key of a member, got nothing");
    return signGenesis(file, values.key, terminal);
  },
});

/** A name is also used as a folder and as the value of a variable. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

interface Invited {
  readonly name: string;
  readonly url: string;
  /** The public key, if the member made its own key. */
  readonly publicKey?: string;
}

/** A member, and its private key if it was made here. */
interface Enrolled {
  readonly name: string;
  readonly url: string;
  readonly publicKey: string;
  readonly privateKey?: string;
}

async function init(
  members: readonly string[],
  values: ClusterValues & Partial<OriginFlags> & { readonly key?: string; readonly folder?: string },
  print: (line: string) => void,
): Promise<number> {
  const folder = values.folder ?? "pbft";
  if (folder === "") throw usage("--folder: expected a folder, got nothing");
  const { key } = values;
  if (key === undefined && members.length === 0) {
    throw new CliError("expected NAME=URL for each member, got nothing (see pbft init --help)", EXIT.usage, {
      next:
        "pbft dev, for a cluster on this machine; or pbft init Apple=https://… Ball=https://… Candy=https://… Dog=https://…",
    });
  }
  const { from, sequence, cluster, chain, migrate, export: name, machine } = values;
  const extra = Object.entries({ sequence, cluster, chain, migrate }).find(([, value]) => value !== undefined);
  if (from === undefined && extra) throw usage(`--${extra[0]}: expected --from FOLDER too`);
  if (key === undefined) {
    const found = from === undefined
      ? null
      : await findOrigin({ from, sequence, cluster, chain, migrate, export: name, machine });
    return makeCluster(folder, members, { values, found, print });
  }
  const other = members[0] ??
    (["title", "machine", "interval", "from"] as const).find((name) => values[name] !== undefined);
  if (other !== undefined) throw usage(`--key: makes a key and nothing else, got ${other} as well`);
  return inFolder(folder, () => makeKey(folder, key, print));
}

/** Makes the key of one member, for its owner. */
function makeKey(folder: string, name: string, print: (line: string) => void): number {
  if (!NAME.test(name)) throw usage(`--key: expected a name of letters, digits, - and _, got ${JSON.stringify(name)}`);
  const path = keyPath(folder, name);
  refuseExisting([path], "choose another folder with --folder");
  const { privateKey, publicKey } = generateKeyPair();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ignoring = ignoreSecrets(folder);
  writeKey(path, privateKey);
  print(`${path}: the private key of ${name}; keep it on this machine`);
  if (ignoring) print(ignoring);
  print(`The public key of ${name}, to be sent to the person who makes the cluster file (init ${name}=URL,KEY):`);
  print(publicKey);
  return 0;
}

interface ClusterValues {
  readonly title?: string | undefined;
  readonly machine?: string | undefined;
  readonly interval?: string | undefined;
}

/** Makes the cluster file, and the keys of members that have none. */
function makeCluster(
  folder: string,
  members: readonly string[],
  { values, found, print }: {
    readonly values: ClusterValues;
    readonly found: FoundOrigin | null;
    readonly print: (line: string) => void;
  },
): number {
  const enrolled = members.map(invitedOf).map(enrol);
  checkMembers(enrolled);
  const genesis: Genesis = {
    replicas: enrolled.map(({ name, publicKey }) => ({ name, publicKey })),
    ...rulesOf(members.length, values, found),
  };
  const cluster = checked({ genesis, urls: Object.fromEntries(enrolled.map(({ name, url }) => [name, url])) });
  const ignoring = inFolder(folder, () => write(folder, cluster, enrolled));
  print(`${folder}/cluster.json: ${enrolled.length} members, of which ${maxFaulty(enrolled.length)} may be faulty`);
  if (found) print(found.text);
  if (ignoring) print(ignoring);
  for (const { name, url, privateKey } of enrolled) {
    if (privateKey) print(`${keyPath(folder, name)}: the private key of ${name} at ${url}`);
    else print(`${name} at ${url} has its own key`);
  }
  const made = enrolled.some(({ privateKey }) => privateKey);
  print(
    made
      ? "Give each member cluster.json and its own key, and delete the keys here."
      : "Give cluster.json to each member.",
  );
  return 0;
}

/** The fields of a genesis beside its members. With a snapshot they are its rules: its state was made under them. */
function rulesOf(n: number, values: ClusterValues, found: FoundOrigin | null): Omit<Genesis, "replicas"> {
  const { title, machine } = values;
  if (found && machine !== undefined && machine !== found.rules.stateMachine) {
    throw usage(
      `--machine: expected ${found.rules.stateMachine}, whose state the snapshot has, got ${machine}; ` +
        "--migrate FILE makes its state",
    );
  }
  const kept = found?.rules;
  const keepsInterval = kept !== undefined && values.interval === undefined && fits(n, kept.checkpointInterval);
  const interval = keepsInterval ? kept.checkpointInterval : intervalOf(n, values.interval);
  return {
    name: title ?? kept?.name ?? "pbft",
    checkpointInterval: interval,
    logWindow: keepsInterval ? kept.logWindow : WINDOW_INTERVALS * interval,
    stateMachine: kept?.stateMachine ?? machine ?? "key-value/1",
    limits: kept?.limits ?? DEFAULT_LIMITS,
    ...(found && { origin: found.origin }),
  };
}

/** Writes the files. Returns a hint about the `.gitignore`, if needed. */
function write(folder: string, cluster: ClusterFile, members: readonly Enrolled[]): string | null {
  const path = `${folder}/cluster.json`;
  const made = members.filter(({ privateKey }) => privateKey);
  refuseExisting(
    [path, `${folder}/chain.json`, ...made.map(({ name }) => keyPath(folder, name))],
    "choose another folder with --folder",
  );
  for (const { name, publicKey, privateKey } of members) {
    if (!privateKey) checkOwnKey(keyPath(folder, name), publicKey);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ignoring = ignoreSecrets(folder);
  for (const { name, privateKey } of made) writeKey(keyPath(folder, name), privateKey!);
  // Written last, so that a folder with this file is complete.
  writeFileSync(path, JSON.stringify(cluster, null, 2) + "\n", { flag: "wx" });
  return ignoring;
}

/** Checks the key of a member in this folder. The person who makes the cluster file may be a member too. */
function checkOwnKey(path: string, publicKey: string): void {
  if (!exists(path)) return;
  const found = importKeyPair(readKey(path).privateKey).publicKey;
  if (found === publicKey) return;
  throw new CliError(`${path}: expected the private key of ${publicKey}, got that of ${found}`);
}

function refuseExisting(paths: readonly string[], hint: string): void {
  const existing = paths.find((path) => exists(path));
  if (existing !== undefined) throw new CliError(`${existing} exists already; ${hint}`);
}

function keyPath(folder: string, name: string): string {
  return `${folder}/${name}/key`;
}

function inFolder<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${folder}: ${reasonOf(error)}`);
  }
}

function invitedOf(text: string): Invited {
  const [, name, url, publicKey] = /^([^=]+)=(.+?)(?:,([^,/.:]*))?$/.exec(text) ?? [];
  if (name === undefined || !NAME.test(name)) {
    throw usage(`${text}: expected NAME=URL, the name of letters, digits, - and _`);
  }
  if (publicKey === undefined) return { name, url: url! };
  if (/^[0-9a-f]{64}$/.test(publicKey)) return { name, url: url!, publicKey };
  // The error does not repeat the value: it may be a private key.
  throw usage(
    `${name}: expected a public key of 64 lower-case hex digits after the comma, got ${publicKey.length} characters`,
  );
}

function enrol({ name, url, publicKey }: Invited): Enrolled {
  return publicKey === undefined ? { name, url, ...generateKeyPair() } : { name, url, publicKey };
}

function intervalOf(n: number, text: string | undefined): number {
  if (text === undefined) {
    const interval = checkpointInterval(n, DEFAULT_INTERVAL);
    if (interval !== null) return interval;
    throw usage(`expected at most ${mostMembers()} members, got ${n}`);
  }
  const interval = natural("--interval", text, { min: 1, max: 9_999 });
  if (fits(n, interval)) return interval;
  let most = interval - 1;
  while (most > 0 && !fits(n, most)) most--;
  if (most === 0) throw usage(`expected at most ${mostMembers()} members, got ${n}`);
  throw usage(`--interval: expected at most ${most} with ${n} members, got ${interval}`);
}

function checked(cluster: ClusterFile): ClusterFile {
  try {
    return parseClusterFile(JSON.parse(JSON.stringify(cluster)));
  } catch (error) {
    throw new CliError(reasonOf(error), EXIT.usage);
  }
}

function usage(message: string): CliError {
  return new CliError(`${message} (see pbft init --help)`, EXIT.usage);
}
