/**
 * `members`: who is in the cluster, and how that changes: a proposal is made, signed by members, and submitted.
 * @module
 */
import { createSigner, sha256 } from "../../../crypto/mod.ts";
import { approve } from "../../../wire/epochs/mod.ts";
import { CliError, EXIT, reasonOf } from "../../cli_error.ts";
import { findCluster } from "../../find_cluster.ts";
import { readKey } from "../../key_file.ts";
import { chainJson, isChainText } from "../../members/chain_file.ts";
import { CHANGE_FLAGS, proposalOf } from "../../members/changes.ts";
import { type Followed, presentOf } from "../../members/follow.ts";
import { sayForks } from "../../check/forks.ts";
import { keepIn, KeptChain } from "../../members/kept_chain.ts";
import { stateFileOf } from "../../members/key_schedule.ts";
import { membersShown, type Shown } from "../../members/list.ts";
import {
  type CheckedProposal,
  isInForce,
  readProposal,
  writeApprovals,
  writeNewProposal,
} from "../../members/proposal_file.ts";
import { askNewMembers, checkNewKeys } from "../../members/new_members.ts";
import { submit } from "../../members/submit.ts";
import { changesText, namesText, sizeText } from "../../members/words.ts";
import { tryMigration } from "../../members/dry_run.ts";
import { evidenceShown } from "../../members/evidence_file.ts";
import { exists, replaceFileInTurn } from "../../files.ts";
import { CHAIN_FLAG, CLUSTER_FLAG, EXPORT_FLAG } from "../../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";

const FLAGS = {
  ...CLUSTER_FLAG,
  ...CHAIN_FLAG,
  "from": { value: "URL", help: "a running member to ask, if those that the cluster file names are gone" },
  ...CHANGE_FLAGS,
  "key": {
    value: "FILE",
    isFile: true,
    isList: true,
    isLocal: true,
    help:
      "sign: the private key of a member; submit: that of a client; propose: NAME=PUBLICKEY, a member's new key; may be repeated",
  },
  "machine": {
    value: "FILE",
    isFile: true,
    isLocal: true,
    help:
      "sign: the file that exports the state machine; a migration to another version is tried before anything is signed",
  },
  ...EXPORT_FLAG,
  "state": { value: "FILE", isFile: true, isLocal: true, help: "sign: the state file on which the migration is tried" },
  "timeout": { value: "TIME", help: "submit: how long to wait until the next epoch is in force (60s)" },
} as const satisfies Flags;

type MembersCall = Call<typeof FLAGS>;
type Action = (call: MembersCall, file: string) => Promise<Shown>;

const ACTIONS: Readonly<Record<string, Action>> = { list, chain, propose, sign, show, submit: send, evidence };
/** The file of a proposal, if none is named. */
const DEFAULT_FILE = "proposal.json";

/** The verb. */
export const verb = defineVerb({
  about: `Shows who is in a cluster, and changes its members, keys, URLs and limits while it runs.

  list     the members of the present epoch, and which of them answer
  propose  makes a file with the next configuration, from the flags
  show     says what a proposal changes, and who has signed it
  sign     adds the signature of one member, without a network; each member does so on its own machine
  submit   sends a proposal that a quorum has signed, and waits until its epoch is in force
  chain    writes the chain of epochs into a file, for pbft serve --chain
  evidence names the members that the evidence in a file (the answer of GET /evidence) convicts, without a network`,
  args: [
    { name: "ACTION", help: "list, propose, show, sign, submit, chain or evidence", choices: Object.keys(ACTIONS) },
    {
      name: "FILE",
      help: `the proposal (${DEFAULT_FILE}); chain: the chain (standard output); evidence: the evidence`,
      isFile: true,
      isOptional: true,
    },
  ],
  flags: FLAGS,
  notes:
    `Pass the proposal from member to member until a quorum of the present members has signed it. Everybody who has the
cluster file can check it: it holds the proof of the present epoch. A changed file loses its signatures.

Example: a new member in the place of Dog.

  pbft init --key Eagle --folder eagle   # on Eagle's machine; prints its public key
  pbft members propose --replace Dog:Eagle=PUBLICKEY@https://eagle.example
  pbft members sign --key pbft/Apple/key # and Ball and Candy, each with the file
  pbft members submit

Exit code 1: the proposal is not the next one, was changed, or has too few signatures.`,
  async run(call) {
    const [action = "", file = ""] = call.args;
    if (!Object.hasOwn(ACTIONS, action)) {
      throw new CliError(
        `${JSON.stringify(action)}: expected ${Object.keys(ACTIONS).join(", ")} (see --help)`,
        EXIT.usage,
      );
    }
    const { lines, json, code } = await ACTIONS[action]!(call, file);
    call.terminal.progress("");
    if (call.terminal.isJson) call.terminal.print(JSON.stringify(json));
    else for (const line of lines) call.terminal.print(line);
    return code;
  },
});

async function list(call: MembersCall): Promise<Shown> {
  const { found, followed } = await present(call);
  return membersShown(followed, found.source);
}

async function chain(call: MembersCall, file: string): Promise<Shown> {
  const { followed: { cluster, links } } = await present(call);
  const json = chainJson(cluster, links);
  if (file === "") return { lines: [JSON.stringify(json)], json, code: EXIT.done };
  try {
    await replaceFileInTurn(file, () => JSON.stringify(json) + "\n");
  } catch (error) {
    throw new CliError(`${file}: ${reasonOf(error)}`, EXIT.usage);
  }
  return {
    lines: [`${file}: the chain to epoch ${links.length}`],
    json: { file, cluster, epoch: links.length },
    code: EXIT.done,
  };
}

async function propose(call: MembersCall, file: string): Promise<Shown> {
  const path = file || DEFAULT_FILE;
  const { found, followed } = await present(call);
  const proposal = proposalOf(followed.present, call.values);
  checkNewKeys(followed.present, proposal.configuration);
  await askNewMembers(followed, proposal.configuration);
  await writeNewProposal(path, proposal, followed.links);
  const shown = shownOf(path, await readProposal(path, found));
  return {
    ...shown,
    lines: [...shown.lines, `next: members sign it, each with its own key: pbft members sign ${path} --key FILE`],
  };
}

async function evidence({ values }: MembersCall, file: string): Promise<Shown> {
  if (file === "") {
    throw new CliError("evidence: expected a file, got nothing: the answer of GET /evidence", EXIT.usage);
  }
  return await evidenceShown(file, await KeptChain.openKnown(await findCluster(values.cluster), values.chain));
}

async function show({ values }: MembersCall, file: string): Promise<Shown> {
  const path = file || DEFAULT_FILE;
  const found = await findCluster(values.cluster);
  const checked = await readProposal(path, found);
  const isOver = isInForce(path, checked, await KeptChain.openKnown(found, values.chain));
  const { lines, ...shown } = shownOf(path, checked);
  return { ...shown, lines: isOver ? [...lines, `epoch ${shown.json.epoch} is in force already`] : lines };
}

async function sign({ values, terminal }: MembersCall, file: string): Promise<Shown> {
  const path = file || DEFAULT_FILE;
  const found = await findCluster(values.cluster);
  const checked = await readProposal(path, found);
  const { proposal, followed, standing } = checked;
  if (isInForce(path, checked, await KeptChain.openKnown(found, values.chain))) {
    throw new CliError(
      `${path}: epoch ${proposal.configuration.epoch} is in force already with this configuration; nothing was signed`,
      EXIT.no,
    );
  }
  const keyPath = oneKey(values.key, "the private key of a member");
  const { privateKey, warning } = readKey(keyPath);
  if (warning) terminal.say(`warning: ${warning}`);
  const { present } = followed;
  const signer = createSigner(privateKey, present.cluster, present.number + 1);
  const member = present.genesis.replicas.find(({ publicKey }) => publicKey === signer.publicKey);
  if (!member) {
    const members = present.genesis.replicas.map(({ name, publicKey }) => `${name} ${publicKey}`).join("\n  ");
    throw new CliError(
      `${keyPath}: expected the key of a member in epoch ${present.number}, got that of ${signer.publicKey}`,
      EXIT.usage,
      {
        looked: members,
        next: "members sign with the keys of the present epoch, also those that leave; new members do not sign",
      },
    );
  }
  const state = values.state && stateFileOf(values.state, privateKey);
  const { lines, tried } = await tryMigration({ ...values, state }, checked);
  if (!standing.approved.includes(member.name)) {
    await writeApprovals(path, await approve(present, proposal, { signer, hash: sha256 }), followed.links);
  }
  const shown = shownOf(path, await readProposal(path, found));
  return {
    ...shown,
    lines: [...lines, `signed by ${member.name}`, ...shown.lines],
    json: { signer: member.name, ...shown.json, ...(tried && { migration: tried }) },
  };
}

async function send({ values, terminal }: MembersCall, file: string): Promise<Shown> {
  const path = file || DEFAULT_FILE;
  const found = await findCluster(values.cluster);
  const checked = await readProposal(path, found);
  const key = values.key === undefined ? undefined : oneKey(values.key, "the private key of a client");
  const { timeout, from } = values;
  const { epoch, answering, sequence } = await submit({
    ...checked,
    path,
    found,
    kept: await KeptChain.open(found, values.chain),
    terminal,
    key,
    timeout,
    ...(from !== undefined && { further: [from] }),
  });
  const { number, urls, start, genesis } = epoch;
  const names = genesis.replicas.map(({ name }) => name);
  const absent = names.filter((name) => !answering.includes(name));
  return {
    lines: [
      `epoch ${number} is in force${sequence === null ? " already" : ""}, from number ${start!.sequence + 1} on: ` +
      `${namesText(answering)} answer${absent.length > 0 ? `; ${namesText(absent)} not yet` : ""}`,
      ...names.map((name) => `  ${name} ${urls[name]}`),
    ],
    json: { epoch: number, since: start!.sequence, sequence, answering, absent, urls },
    code: EXIT.done,
  };
}

/** A proposal in words. */
function shownOf(
  path: string,
  { proposal: { configuration, approvals }, followed, standing, hash }: CheckedProposal,
): Shown {
  const { present } = followed;
  const changes = changesText(present, configuration);
  const { approved, missing, needed } = standing;
  const lacking = Math.max(0, needed - approved.length);
  const { epoch, genesis } = configuration;
  return {
    lines: [
      `${path}: epoch ${epoch} of ${genesis.name}: ${sizeText(genesis.replicas.length)}`,
      ...changes.map((change) => `  ${change}`),
      `signed by ${namesText(approved)}; ${
        lacking === 0 ? "these are enough: pbft members submit" : `${lacking} of ${missing.join(", ")} must sign too`
      }`,
    ],
    json: {
      file: path,
      cluster: configuration.cluster,
      epoch,
      hash,
      changes,
      approved,
      missing,
      needed,
      lacking,
      isReady: lacking === 0,
      approvals,
    },
    code: EXIT.done,
  };
}

async function present(
  { values, terminal }: MembersCall,
): Promise<{ readonly found: Awaited<ReturnType<typeof findCluster>>; readonly followed: Followed }> {
  const found = await findCluster(values.cluster);
  const kept = await KeptChain.open(found, values.chain);
  terminal.progress("asking the members…");
  const { chain } = values;
  const isKnown = kept.links.length > 0 || (chain !== undefined && (isChainText(chain) || exists(chain)));
  const links = isKnown ? kept.links : undefined;
  const followed = await presentOf(found, { links, further: values.from === undefined ? [] : [values.from] });
  sayForks(followed, terminal);
  await keepIn(kept, followed.links, terminal);
  return { found, followed };
}

function oneKey(keys: readonly string[] | undefined, what: string): string {
  if (keys?.length === 1) return keys[0]!;
  throw new CliError(`--key: expected one file with ${what}, got ${keys?.length ?? "none"} (see --help)`, EXIT.usage);
}
