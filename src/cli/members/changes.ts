/**
 * The changes for the next epoch, from flags.
 * @module
 */
import type { Member } from "../../core/config.ts";
import { type Change, ConfigureError, type Epoch, type Proposal, propose } from "../../wire/epochs/mod.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { natural } from "../numbers.ts";
import type { Flags, Values } from "../parser/verb.ts";

const often = "; may be repeated";

/** The flags of changes. */
export const CHANGE_FLAGS = {
  "add": {
    value: "NAME=KEY@URL",
    isList: true,
    isLocal: true,
    help: `propose: a new member, its public key and URL${often}`,
  },
  "remove": { value: "NAME", isList: true, isLocal: true, help: `propose: a member that leaves${often}` },
  "replace": {
    value: "OLD:NEW=KEY@URL",
    isList: true,
    isLocal: true,
    help: `propose: a new member in the place of another one. OLD=KEY@URL keeps the name${often}`,
  },
  "url": { value: "NAME=URL", isList: true, isLocal: true, help: `propose: the new URL of a member${often}` },
  "limit": {
    value: "NAME=NUMBER",
    isList: true,
    isLocal: true,
    help: `propose: a limit, such as maxSessions=2048${often}`,
  },
  "state-machine": {
    value: "NAME/VERSION",
    isLocal: true,
    help: "propose: the version of the state machine from then on",
  },
  "checkpoint-interval": { value: "K", isLocal: true, help: "propose: a checkpoint every K batches" },
  "log-window": { value: "L", isLocal: true, help: "propose: the log window, a multiple of K" },
} as const satisfies Flags;

/** The values of these flags, and the new keys of members: `NAME=KEY`. */
export type Changes = Values<typeof CHANGE_FLAGS> & { readonly key?: readonly string[] };

/**
 * The proposal for the epoch after this one.
 * @throws {CliError} that says which flag is wrong, or what the cluster would refuse.
 */
export function proposalOf(epoch: Epoch, changes: Changes): Proposal {
  const change = changeOf(epoch, changes);
  try {
    return propose(epoch, change);
  } catch (error) {
    const isKnown = error instanceof TypeError || error instanceof RangeError || error instanceof ConfigureError;
    if (!isKnown) throw error;
    throw new CliError(reasonOf(error).replace(/^configuration\.(genesis\.)?/, ""), EXIT.usage);
  }
}

function changeOf(epoch: Epoch, changes: Changes): Change {
  const replicas = [...epoch.genesis.replicas];
  const urls: Record<string, string> = {};
  const placeOf = (flag: string, name: string): number => {
    const place = replicas.findIndex((member) => member.name === name);
    if (place >= 0) return place;
    throw usage(`${flag}: expected one of ${replicas.map((member) => member.name).join(", ")}, got ${name}`);
  };
  for (const text of changes.replace ?? []) {
    const [, old, member] = /^([^:=]+)(?::(.*)|=.*)$/.exec(text) ?? [];
    const { url, ...found } = memberIn("--replace", member ?? text, old ?? "");
    replicas[placeOf("--replace", old!)] = found;
    urls[found.name] = url;
  }
  for (const text of changes.key ?? []) {
    const [name, publicKey] = pairIn(
      "--key",
      text,
      /^[0-9a-f]{64}$/,
      "NAME=PUBLICKEY, a key of 64 lower-case hex digits",
    );
    replicas[placeOf("--key", name)] = { name, publicKey };
  }
  for (const name of changes.remove ?? []) replicas.splice(placeOf("--remove", name), 1);
  for (const text of changes.add ?? []) {
    const { url, ...member } = memberIn("--add", text);
    if (replicas.some(({ name }) => name === member.name)) {
      throw usage(`--add: ${member.name} is a member already; --key gives it another key, --url another URL`);
    }
    replicas.push(member);
    urls[member.name] = url;
  }
  for (const text of changes.url ?? []) {
    const [name, url] = pairIn("--url", text, /./, "NAME=URL");
    placeOf("--url", name);
    urls[name] = url;
  }
  const { "state-machine": stateMachine } = changes;
  return {
    replicas,
    urls,
    ...(stateMachine !== undefined && { stateMachine }),
    ...limitsOf(changes),
    ...windowOf(epoch, changes),
  };
}

function limitsOf({ limit = [] }: Changes): Pick<Change, "limits"> {
  const limits = limit.map((text) => {
    const [name, value] = pairIn("--limit", text, /./, "NAME=NUMBER");
    return [name, natural(`--limit ${name}`, value, { max: Number.MAX_SAFE_INTEGER })] as const;
  });
  return limits.length === 0 ? {} : { limits: Object.fromEntries(limits) };
}

/** K and L. With K alone, L is as many checkpoints as before. */
function windowOf({ genesis }: Epoch, changes: Changes): Pick<Change, "checkpointInterval" | "logWindow"> {
  const { "checkpoint-interval": interval, "log-window": window } = changes;
  const K = interval === undefined ? undefined : natural("--checkpoint-interval", interval, { min: 1 });
  const L = window === undefined ? undefined : natural("--log-window", window, { min: 1 });
  const kept = K === undefined ? undefined : K * genesis.logWindow / genesis.checkpointInterval;
  return {
    ...(K !== undefined && { checkpointInterval: K }),
    ...(L !== undefined ? { logWindow: L } : kept !== undefined && { logWindow: kept }),
  };
}

function memberIn(flag: string, text: string, old = ""): Member & { readonly url: string } {
  const [, name, publicKey, url] = /^([A-Za-z0-9_-]{1,32})=([0-9a-f]{64})@(.+)$/.exec(text) ?? [];
  if (url !== undefined) return { name: name!, publicKey: publicKey!, url };
  // The value is not repeated: somebody may have given a private key.
  const form = flag === "--replace" ? "OLD:NEW=PUBLICKEY@URL or OLD=PUBLICKEY@URL" : "NAME=PUBLICKEY@URL";
  const got = /^[A-Za-z0-9_-]+/.exec(old || text)?.[0] ?? "nothing";
  throw usage(`${flag}: expected ${form}, a key of 64 lower-case hex digits, got another form for ${got}`);
}

function pairIn(flag: string, text: string, form: RegExp, expected: string): readonly [name: string, value: string] {
  const [, name, value] = /^([A-Za-z0-9_-]{1,64})=(.+)$/.exec(text) ?? [];
  if (name !== undefined && form.test(value!)) return [name, value!];
  throw usage(`${flag}: expected ${expected}, got another form`);
}

function usage(message: string): CliError {
  return new CliError(`${message} (see pbft members --help)`, EXIT.usage);
}
