/** The value of a flag for a subject: a pure function, the same in a server and in a page. */
import type { Flag, Rule, Value } from "./machine.ts";

/** Whom a question is about. */
export interface Subject {
  /** A text that stays the same: a user's number, a device's. */
  readonly id: string;
  /** What audiences are chosen by: country, plan, version. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A value, and why. */
export interface Evaluated {
  readonly value: Value;
  /** The number of the rule that took the subject, from 1 on; `null`: none did. */
  readonly rule: number | null;
}

/** Evaluates a flag. */
export function evaluate(name: string, flag: Pick<Flag, "isOn" | "rules" | "otherwise">, subject: Subject): Evaluated {
  const index = flag.isOn ? flag.rules.findIndex((rule) => takes(name, rule, subject)) : -1;
  return { value: flag.rules[index]?.value ?? flag.otherwise, rule: index === -1 ? null : index + 1 };
}

function takes(name: string, { audience, percent }: Rule, { id, attributes = {} }: Subject): boolean {
  const isMeant = Object.entries(audience).every(([attribute, values]) =>
    Object.hasOwn(attributes, attribute) && values.includes(attributes[attribute]!)
  );
  return isMeant && percentOf(name, id) < percent;
}

/**
 * Where a subject stands among all of them, for one flag: from 0 to below 100, in steps of 0.01. It depends on the flag's name, so that it is not
 * always the same people who get what is new. FNV-1a over UTF-8, and the mixing at the end of MurmurHash3, for equal shares.
 */
export function percentOf(name: string, id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${name}/${id}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % 10_000 / 100;
}
