/**
 * The codec of the `timers` record.
 * @module
 */
import type { Timers } from "../../core/records.ts";

/** Encodes the timers as whole numbers, in this order. */
export function plainOf(timers: Timers): readonly number[] {
  const { steppedAt, awakeMs, suspectAt, suspectAtLatest, suspectTimeoutMs, suspectExecuted } = timers;
  const { roundMs, deviationMs, statusAt, statusDelayMs, statusExecuted, busy, askedUntil } = timers;
  const suspect = [
    ...[suspectAt, suspectAtLatest].map((at) => at === null ? 0 : Math.round(at) + 1),
    Math.round(suspectTimeoutMs),
    suspectExecuted,
    roundMs === null ? 0 : Math.round(roundMs) + 1,
    Math.round(deviationMs),
  ];
  return [
    steppedAt,
    Math.round(awakeMs),
    ...suspect,
    statusAt,
    Math.round(statusDelayMs),
    statusExecuted,
    busy ? 1 : 0,
    askedUntil,
  ];
}

/** The part of {@linkcode plainOf} that determines when the primary is suspected. */
export function suspicionIn(plain: readonly number[]): string {
  return plain.slice(2, 6).join();
}

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
  } as Timers;
}
