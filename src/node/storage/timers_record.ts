/**
 * The codec of the `timers` record.
 * @module
 */
import type { Millis } from "../../core/messages/ids.ts";
import type { AgreedHandOver, Timers } from "../../core/records.ts";
import { inSeconds } from "../../core/views/agreed_hand_overs.ts";

/** The clocks of two instances of a replica differ by less, ms. */
export const CLOCKS_APART_MS = 5_000;

/** Encodes the timers as whole numbers, in this order. */
export function plainOf(timers: Timers): readonly number[] {
  const { steppedAt, awakeMs, suspectAt, suspectAtLatest, suspectTimeoutMs, suspectExecuted } = timers;
  const { roundMs, deviationMs, statusAt, statusDelayMs, statusExecuted, busy, askedUntil, handOvers } = timers;
  return [
    steppedAt,
    Math.round(awakeMs),
    afterNull(suspectAt),
    afterNull(suspectAtLatest),
    Math.round(suspectTimeoutMs),
    suspectExecuted,
    afterNull(roundMs),
    Math.round(deviationMs),
    statusAt,
    Math.round(statusDelayMs),
    statusExecuted,
    busy ? 1 : 0,
    askedUntil,
    ...handOvers.flatMap(({ replica, view, at, failed }) => [afterNull(replica), view, at, failed]),
  ];
}

/** A number as a whole one above 0, which stands for `null`. */
function afterNull(value: number | null): number {
  return value === null ? 0 : Math.round(value) + 1;
}

/** The timers by a clock that is behind by so many ms. */
export function setBack(timers: Timers, ms: number): Timers {
  const back = (at: number) => Math.max(1, at - ms) as Millis;
  return {
    ...timers,
    steppedAt: back(timers.steppedAt),
    statusAt: timers.statusAt === 0 ? timers.statusAt : back(timers.statusAt),
    askedUntil: timers.askedUntil === 0 ? timers.askedUntil : back(timers.askedUntil),
    handOvers: timers.handOvers.map((one) => ({ ...one, at: inSeconds(one.at - ms) })),
  };
}

/** Whether two of {@linkcode plainOf} are the same but for the time that has passed. */
export function areAlike(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => i < FIRST_STEADY || value === b[i]);
}

/** Whether two of {@linkcode plainOf} suspect the primary at the same time. */
export function suspectAlike(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => i < FIRST_STEADY || i >= AFTER_SUSPICION || value === b[i]);
}

/** The places of the first value that does not change with each step, and of the first after those of the suspicion. */
const [FIRST_STEADY, AFTER_SUSPICION] = [2, 6];

/** Decodes the timers. */
export function timersOf(plain: readonly number[]): Timers {
  const [
    steppedAt,
    awakeMs,
    suspectAt,
    suspectAtLatest,
    suspectTimeoutMs,
    suspectExecuted,
    roundMs,
    deviationMs,
    statusAt,
    statusDelayMs,
    statusExecuted,
    busy,
    askedUntil = 0,
    ...agreed
  ] = plain;
  return {
    steppedAt,
    awakeMs,
    suspectAt: suspectAt === 0 ? null : suspectAt! - 1,
    suspectAtLatest: suspectAtLatest === 0 ? null : suspectAtLatest! - 1,
    suspectTimeoutMs,
    suspectExecuted,
    roundMs: roundMs === 0 ? null : roundMs! - 1,
    deviationMs,
    statusAt,
    statusDelayMs,
    statusExecuted,
    busy: busy === 1,
    askedUntil,
    handOvers: handOversOf(agreed),
  } as Timers;
}

/** Four numbers for each. */
function handOversOf(plain: readonly number[]): readonly AgreedHandOver[] {
  return Array.from({ length: Math.floor(plain.length / 4) }, (_, i) => {
    const [replica, view, at, failed] = plain.slice(4 * i);
    return { replica: replica === 0 ? null : replica! - 1, view, at, failed } as AgreedHandOver;
  });
}
