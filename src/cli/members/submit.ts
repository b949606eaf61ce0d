/**
 * Sends a proposal to the cluster, and waits until its epoch is in force.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { operationOf } from "../../wire/epochs/mod.ts";
import { type Session, withClient } from "../calls/session.ts";
import { CliError, EXIT } from "../cli_error.ts";
import type { FoundCluster } from "../find_cluster.ts";
import { durationMs } from "../parser/duration.ts";
import type { Terminal } from "../terminal.ts";
import { type Followed, followMembers, presentOf } from "./follow.ts";
import { keepIn, type KeptChain } from "./kept_chain.ts";
import { askNewMembers } from "./new_members.ts";
import { type CheckedProposal, wrongEpoch } from "./proposal_file.ts";
import { namesText } from "./words.ts";

/** The proposal to send, and how to send it. */
export interface Submission extends CheckedProposal {
  readonly path: string;
  readonly found: FoundCluster;
  readonly terminal: Terminal;
  /** The file of a client's key, for a cluster that serves only some clients. */
  readonly key?: string | undefined;
  readonly timeout?: string | undefined;
  /** The known chain. New links are kept. */
  readonly kept: KeptChain;
  /** URLs of members to ask beside those that the chain names. */
  readonly further?: readonly string[];
}

/** The outcome of a submission. */
export interface Submitted {
  /** The number at which it was ordered; `null` if its epoch was in force before. */
  readonly sequence: number | null;
  readonly epoch: Epoch;
  /** Members of the epoch that answer there. */
  readonly answering: readonly string[];
}

const DEFAULT_TIMEOUT = "60s";
/** How often members are asked whether the epoch is in force, ms. */
const POLL_MS = 250;

/** Sends it. @throws {CliError} before anything is sent, if the cluster would refuse it. */
export async function submit(submission: Submission): Promise<Submitted> {
  const { proposal, standing, found, kept, followed, hash, path, further = [] } = submission;
  const { epoch: number } = proposal.configuration;
  const missing = standing.needed - standing.approved.length;
  if (missing > 0) {
    throw new CliError(
      `${path}: not-enough-signatures: expected approvals of ${standing.needed} members, got ${standing.approved.length}; nothing was sent`,
      EXIT.no,
      { next: `${missing} of ${standing.missing.join(", ")} sign it: pbft members sign ${path} --key FILE` },
    );
  }
  const urls = [...further, ...Object.values(proposal.configuration.urls)];
  const links = kept.links.length > followed.links.length ? kept.links : followed.links;
  const now = await presentOf(found, { links, further: urls });
  await keepIn(kept, now.links, submission.terminal);
  if (now.epochs[number]?.context === hash) return await inForce(null, now, submission);
  if (now.present.number >= number) throw wrongEpoch(path, number, now.present.number);
  await askNewMembers(now, proposal.configuration);
  const operation = operationOf(now.present, proposal);
  const { key, timeout = DEFAULT_TIMEOUT, terminal } = submission;
  const values = { timeout, ...(key !== undefined && { key }) };
  const send = async ({ client }: Session) => {
    terminal.progress("waiting until it is ordered…");
    return (await client.submit(operation)).sequence;
  };
  try {
    const sequence = await withClient(values, terminal, send, { found, kept });
    terminal.say(`accepted at number ${sequence}; epoch ${number} begins with the next checkpoint`);
    return await inForce(sequence, now, submission);
  } catch (error) {
    if (!isOvertaken(error)) throw error;
    // The accepted configuration may be this one: somebody else may have sent it, or a submission that was stopped.
    terminal.say(`a configuration for epoch ${number} was accepted before; waiting until it is in force`);
    return await inForce(null, now, submission);
  }
}

/** Whether a configuration for this epoch was accepted already, this one or another one. */
function isOvertaken(error: unknown): boolean {
  return error instanceof CliError && /^rejected: (already-pending|wrong-epoch):/.test(error.message);
}

/** Waits until a quorum of the members is in the epoch. @throws {CliError} if that takes too long. */
async function inForce(
  sequence: number | null,
  from: Followed,
  { proposal: { configuration }, hash, kept, timeout = DEFAULT_TIMEOUT, terminal, further = [] }: Submission,
): Promise<Submitted> {
  const { epoch: number, genesis } = configuration;
  const until = Date.now() + durationMs("--timeout", timeout);
  const urls = [...further, ...Object.values(configuration.urls)];
  for (let known = from;;) {
    known = await followMembers(known, urls);
    await keepIn(kept, known.links, terminal);
    const epoch = known.epochs[number];
    if (epoch && epoch.context !== hash) {
      throw new CliError(`another configuration is in force in epoch ${number}`, EXIT.no, {
        next: "look: pbft members list; make a new proposal",
      });
    }
    const isIn = (name: string) => {
      const answer = known.answers.get(configuration.urls[name]!);
      return answer?.isMember === true && (answer.epoch ?? -1) >= number;
    };
    const names = genesis.replicas.map(({ name }) => name);
    const answering = names.filter(isIn);
    if (epoch && (answering.length >= quorum(names.length) || known.present.number > number)) {
      terminal.progress("");
      return { sequence, epoch, answering };
    }
    const waiting = names.filter((name) => !isIn(name));
    if (Date.now() > until) {
      throw new CliError(
        `accepted, but epoch ${number} is not in force: ${namesText(waiting)} ${
          waiting.length === 1 ? "is" : "are"
        } not there`,
        EXIT.unreachable,
        {
          looked: waiting.map((name) =>
            `${name} at ${configuration.urls[name]}: ${known.answers.get(configuration.urls[name]!)?.reach}`
          ).join("\n  "),
          next: "start them, or check the network to them; then look: pbft members list",
        },
      );
    }
    terminal.progress(`waiting for ${namesText(waiting)} in epoch ${number}…`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
