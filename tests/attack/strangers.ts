/**
 * The process of the strangers: `strangers.ts ORDER`. It attacks until its standard input ends, and then prints what it was
 * answered. Its first line says that it has begun.
 * @module
 */
import type { Digest } from "../../src/core/messages/ids.ts";
import { type Answers, Line } from "./connection.ts";
import { ATTACKS } from "./kinds.ts";

/** What it is to do. */
export interface Order {
  readonly urls: readonly string[];
  readonly cluster: Digest;
  /** Names of {@linkcode ATTACKS}. */
  readonly kinds: readonly string[];
  /** Of all attackers together. */
  readonly bytesPerSecond: number;
  readonly idle: number;
  /** Whether all come from the callers' address, or each from one of its own. */
  readonly isSameAddress: boolean;
}

/** What one attacker did. */
export interface Done {
  readonly kind: string;
  readonly bytes: number;
  readonly answers: Answers;
  /** Why it ended early. */
  readonly error?: string;
}

async function main({ urls, cluster, kinds, bytesPerSecond, idle, isSameAddress }: Order): Promise<void> {
  let isOver = false;
  const running = kinds.map(async (kind, i): Promise<Done> => {
    const line = new Line(bytesPerSecond / kinds.length);
    const answers: Answers = {};
    const address = isSameAddress ? "127.0.0.1" : `127.0.0.${i + 2}`;
    try {
      await ATTACKS[kind]!({ urls, cluster, idle, address, line, answers, isOver: () => isOver });
      return { kind, bytes: line.sent, answers };
    } catch (error) {
      return { kind, bytes: line.sent, answers, error: String(error) };
    }
  });
  console.log("attacking");
  for await (const _ of Deno.stdin.readable) { /* it only ends */ }
  isOver = true;
  const patience = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error("an attack does not end")), 20_000)
  );
  console.log(JSON.stringify(await Promise.race([Promise.all(running), patience])));
  Deno.exit(0);
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
