/**
 * Asks all members in short whether they answer: for the error of a verb that got no result.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { ask, boundedJson } from "./answers.ts";

/** How long a member has, ms. */
const TIMEOUT_MS = 2_000;

/** What a member did. */
export type Reach =
  | "answers"
  | "belongs to another cluster"
  | "refuses the connection"
  | `gives no answer in ${number} s`;

/** The result of a probe. */
export interface Probe {
  readonly members: readonly { readonly name: string; readonly reach: Reach }[];
  /** How many answer. */
  readonly answering: number;
  readonly needed: number;
}

/** Asks each member of an epoch. Never rejects. */
export async function probe({ genesis, urls, cluster: id }: Epoch): Promise<Probe> {
  const members = await Promise.all(
    genesis.replicas.map(async ({ name }) => ({ name, reach: await reachOf(urls[name]!, id) })),
  );
  const answering = members.filter(({ reach }) => reach === "answers").length;
  return { members, answering, needed: quorum(members.length) };
}

async function reachOf(url: string, cluster: string): Promise<Reach> {
  try {
    const base = url.endsWith("/") ? url : `${url}/`;
    const response = await ask(new URL("status", base), { timeoutMs: TIMEOUT_MS });
    const json = await boundedJson(response) as { readonly cluster?: unknown } | null;
    // A member that does not show its status answers, too.
    return typeof json?.cluster === "string" && json.cluster !== cluster ? "belongs to another cluster" : "answers";
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    return isLate ? `gives no answer in ${TIMEOUT_MS / 1_000} s` : "refuses the connection";
  }
}

/** `2 of 4 replicas answer, 3 are needed`. */
export function countText({ members, answering, needed }: Probe): string {
  return `${answering} of ${members.length} replicas answer, ${needed} are needed`;
}

/** `Apple, Ball: refuses the connection; Candy, Dog: answers`. */
export function membersText({ members }: Probe): string {
  const reaches = [...new Set(members.map(({ reach }) => reach))];
  const named = reaches.map((reach) => {
    const names = members.filter((member) => member.reach === reach).map(({ name }) => name);
    return `${names.join(", ")} ${names.length === 1 ? reach : plural(reach)}`;
  });
  return named.join("; ");
}

function plural(reach: Reach): string {
  return reach.replace(/^(answer|belong|refuse|give)s\b/, "$1");
}
