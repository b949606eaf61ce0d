/**
 * Verifies the statements behind a change. Loaded by the first {@linkcode verifyChange}.
 * @module
 */
import type { Genesis } from "../../../core/config.ts";
import type { SequenceNumber } from "../../../core/messages/ids.ts";
import { weakQuorum } from "../../../core/messages/quorum.ts";
import { createWebVerifier } from "../../../crypto/web.ts";
import { fromHex } from "../../../wire/codec/hex.ts";
import { utf8 } from "../../../wire/codec/utf8.ts";
import { endOf } from "../../../wire/epochs/chain.ts";
import type { Epoch } from "../../../wire/epochs/epoch.ts";
import {
  parseStatement,
  type Watched,
  type WatchedContent,
  type WatchStatement,
  watchText,
} from "../../../wire/watch.ts";
import { epochsOf } from "../../epochs/following.ts";
import type { BatchEvent, ChangeEvent } from "../../watch/events.ts";
import type { WatchVote } from "../../watch/source.ts";
import type { ProvenChange } from "../proven.ts";
import { attempt, ProofError } from "../proof_error.ts";
import { latestFirst } from "./latest_first.ts";

/** A vote, and what it says. */
interface Vote extends WatchVote {
  readonly said: WatchStatement;
}

/** What an event proves. @throws {ProofError} or {@linkcode LinkError}, as {@linkcode verifyChange} says. */
export async function provenChange(
  genesis: Genesis,
  event: ChangeEvent | BatchEvent,
  chain: readonly Uint8Array[],
): Promise<ProvenChange> {
  const epochs = await epochsOf(genesis, chain);
  const votes = votesOf(event);
  checkSaid(event, votes);
  // Members of later epochs know the last numbers before.
  return await latestFirst(epochs, async (epoch) => {
    await checkSigned(epochs, epoch, votes);
    const voters = votes.map(({ replica }) => replica).sort((a, b) => a - b);
    const signers = voters.map((id) => epoch.genesis.replicas[id]!.name);
    return { sequence: event.sequence as SequenceNumber, watch: votes[0]!.said.watch, voters, signers };
  });
}

/** The votes of different replicas about one watch. */
function votesOf({ votes }: ChangeEvent | BatchEvent): readonly Vote[] {
  if (!Array.isArray(votes) || votes.length === 0) throw new ProofError("votes: expected some, got none");
  const read = votes.map((vote: WatchVote, index) => attempt(`votes[${index}]`, () => readVote(vote)));
  const [first] = read;
  if (new Set(read.map(({ replica }) => replica)).size !== read.length) {
    throw new ProofError("votes: expected one each of different replicas, got two of one");
  }
  if (read.some(({ said }) => watchText(said.watch) !== watchText(first!.said.watch))) {
    throw new ProofError("votes: expected statements about the same watch");
  }
  return read;
}

function readVote(vote: WatchVote): Vote {
  const { replica, statement, signature } = Object(vote) as WatchVote;
  if (!Number.isSafeInteger(replica) || replica < 0 || typeof statement !== "string" || typeof signature !== "string") {
    throw new TypeError("expected a replica's number, a statement and a signature");
  }
  return { replica, statement, signature, said: parseStatement(statement, watchedIn(statement)) };
}

/** What a statement is about. */
function watchedIn(statement: string): Watched {
  const { watch } = Object(JSON.parse(statement)) as { readonly watch?: unknown };
  const entries = Object.entries(Object(watch) as object);
  const [name, value] = entries[0] ?? [];
  const isText = (name === "key" || name === "prefix") && typeof value === "string";
  if (entries.length === 1 && (isText || (name === "batches" && value === true))) return watch as Watched;
  throw new TypeError("watch: expected a key, a prefix, or batches");
}

/** Checks that all votes say of the event's number the same, and the event. */
function checkSaid(event: ChangeEvent | BatchEvent, votes: readonly Vote[]): void {
  const { sequence } = event;
  const contents = votes.map(({ said }, index) => {
    const content = said.batches.find(([number]) => number === sequence)?.[1];
    if (content === undefined) throw new ProofError(`votes[${index}]: its statement has no change at ${sequence}`);
    return content;
  });
  if (contents.some((content) => JSON.stringify(content) !== JSON.stringify(contents[0]))) {
    throw new ProofError(`votes: expected equal statements about ${sequence}, but they do not agree`);
  }
  if (!isIn(contents[0]!, event)) {
    throw new ProofError(`votes: the statements about ${sequence} do not have this ${event.kind}`);
  }
}

function isIn(content: WatchedContent, event: ChangeEvent | BatchEvent): boolean {
  if ("requests" in content) {
    return event.kind === "batch" && content.requests === event.requests && content.operations === event.operations;
  }
  return event.kind === "change" && content.some(([key, value]) => key === event.key && value === event.value);
}

/** Checks the signatures, as those of members of this epoch. */
async function checkSigned(epochs: readonly Epoch[], epoch: Epoch, votes: readonly Vote[]): Promise<void> {
  const { genesis: { replicas }, context, number } = epoch;
  const end = endOf(epochs, epoch)?.sequence ?? Infinity;
  const verifier = createWebVerifier(context, number);
  for (const { replica, statement, signature, said } of votes) {
    const member = replicas[replica];
    if (!member) throw new ProofError(`replica ${replica} is not a member`);
    if (said.through > end) {
      throw new ProofError(`${member.name} speaks of ${said.through}, above its epoch's end, ${end}`);
    }
    const bytes = attempt("signature", () => fromHex(signature));
    if (await verifier.verify(member.publicKey, "changes", utf8(statement), bytes)) continue;
    throw new ProofError(`expected the signature of ${member.name}, got one that is not valid`);
  }
  const needed = weakQuorum(replicas.length);
  if (votes.length < needed) {
    throw new ProofError(`votes: expected ${needed} different replicas, got ${votes.length}`);
  }
}
