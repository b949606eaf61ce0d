/**
 * The members of the present epoch, and which of them answer.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { EXIT } from "../cli_error.ts";
import type { Followed } from "./follow.ts";
import { sizeText, tableOf } from "./words.ts";

/** The output, and the exit code: whether a quorum answers. */
export interface Shown {
  readonly lines: readonly string[];
  readonly json: Readonly<Record<string, unknown>>;
  readonly code: number;
}

/** The members of the last epoch that is known. */
export function membersShown({ cluster, present, answers, links }: Followed, source: string): Shown {
  const { number, genesis, urls, start, context } = present;
  const members = genesis.replicas.map(({ name, publicKey }) => {
    const url = urls[name]!;
    const answer = answers.get(url);
    const isOurs = answer?.cluster === cluster;
    const isPresent = isOurs && answer!.epoch === number && answer!.isMember;
    const state = !answer
      ? "was not asked"
      : isPresent
      ? "answers"
      : isOurs && answer.epoch === number
      ? "is a server that is no member"
      : isOurs
      ? `is in epoch ${answer.epoch}`
      : answer.cluster === null
      ? answer.reach
      : "belongs to another cluster";
    return { name, url, publicKey, answers: isPresent, state };
  });
  const since = start?.sequence ?? 0;
  const answering = members.filter((member) => member.answers).length;
  const { limits, checkpointInterval, logWindow, stateMachine } = genesis;
  return {
    lines: [
      `epoch ${number}${since > 0 ? `, since number ${since}` : ""}${number === 0 ? ", the genesis" : ""}: ${
        sizeText(members.length)
      }; ${answering} answer`,
      "",
      ...tableOf([
        ["member", "url", "key", "state"],
        ...members.map(({ name, url, publicKey, state }) => [name, url, publicKey.slice(0, 16), state]),
      ]),
      `(${source}: ${genesis.name}, ${stateMachine}, a checkpoint every ${checkpointInterval} batches, log window ${logWindow})`,
    ],
    json: {
      cluster,
      epoch: number,
      since,
      context,
      name: genesis.name,
      stateMachine,
      checkpointInterval,
      logWindow,
      limits,
      quorum: quorum(members.length),
      answering,
      members,
      links: links.length,
    },
    code: answering >= quorum(members.length) ? EXIT.done : EXIT.unreachable,
  };
}
