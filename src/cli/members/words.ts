/**
 * Configurations in words.
 * @module
 */
import { maxFaulty, quorum } from "../../core/messages/quorum.ts";
import type { Configuration, Epoch } from "../../wire/epochs/mod.ts";

/** What a configuration changes, a line each. */
export function changesText(epoch: Epoch, { genesis, urls }: Configuration): readonly string[] {
  const before = epoch.genesis;
  const old = new Map(before.replicas.map((member) => [member.name, member]));
  const names = genesis.replicas.map(({ name }) => name);
  const lines = [
    ...before.replicas.filter(({ name }) => !names.includes(name)).map(({ name }) => `removes ${name}`),
    ...genesis.replicas.flatMap(({ name, publicKey }) => {
      const known = old.get(name);
      if (!known) return [`adds ${name} at ${urls[name]}, key ${publicKey}`];
      return [
        ...(known.publicKey === publicKey ? [] : [`gives ${name} the key ${publicKey}, instead of ${known.publicKey}`]),
        ...(sameUrl(epoch.urls[name], urls[name]) ? [] : [`moves ${name} from ${epoch.urls[name]} to ${urls[name]}`]),
      ];
    }),
  ];
  const numbers = [
    ["checkpointInterval", before.checkpointInterval, genesis.checkpointInterval],
    ["logWindow", before.logWindow, genesis.logWindow],
    ["stateMachine", before.stateMachine, genesis.stateMachine],
    ...Object.entries(genesis.limits).map(([name, value]) =>
      [`limits.${name}`, before.limits[name as keyof typeof before.limits], value] as const
    ),
  ] as const;
  for (const [name, from, to] of numbers) if (from !== to) lines.push(`${name}: ${from} becomes ${to}`);
  const kept = (list: readonly string[], others: readonly string[]) =>
    list.filter((name) => others.includes(name)).join();
  if (kept([...old.keys()], names) !== kept(names, [...old.keys()])) {
    lines.push(`orders the members ${names.join(", ")}`);
  }
  return lines.length > 0 ? lines : ["changes nothing but the number of the epoch"];
}

function sameUrl(one: string | undefined, other: string | undefined): boolean {
  const plain = (url = "") => (URL.canParse(url) ? new URL(url).href : url).replace(/\/$/, "");
  return plain(one) === plain(other);
}

/** `5 members, of which 1 may be faulty; a quorum is 4`. */
export function sizeText(n: number): string {
  return `${n} members, of which ${maxFaulty(n)} may be faulty; a quorum is ${quorum(n)}`;
}

/** `Apple, Ball and Candy`. */
export function namesText(names: readonly string[]): string {
  return names.length < 2 ? names[0] ?? "nobody" : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** A table with a head. */
export function tableOf(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
}
