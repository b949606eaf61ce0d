/**
 * The trace of a request. Its ids follow from the request's digest, which the client and every replica know, so that all their spans are
 * in one trace without a word about it in any message.
 *
 * | part of the digest | is |
 * | --- | --- |
 * | bytes 0 to 15 | the trace id |
 * | bytes 16 to 23 | the id of the root span, which is the client's |
 *
 * A batch has a trace of its own in the same way. The two are linked.
 * @module
 */
import { type Context, ROOT_CONTEXT, type SpanContext, trace, TraceFlags } from "@opentelemetry/api";
import type { Digest } from "../core/messages/ids.ts";

/** Hex digits in a trace id and in a span id. */
const DIGITS = { trace: 32, span: 16 };
/** The digits of a trace id that decide whether it is sampled: of its last 56 bits, which W3C's specification wants random, the first 52. */
const RANDOM = { from: 18, to: 31, range: 2 ** 52 };

/** The context of the root span in the trace of a request, or of a batch, with this digest. */
export function requestSpanContext(digest: string): SpanContext {
  return {
    traceId: digest.slice(0, DIGITS.trace),
    spanId: digest.slice(DIGITS.trace, DIGITS.trace + DIGITS.span),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
}

/** A context in which spans belong to the trace of this digest. */
export function contextOf(digest: Digest): Context {
  return trace.setSpanContext(ROOT_CONTEXT, requestSpanContext(digest));
}

/**
 * Whether a request is traced. It follows from the digest: all who have the same ratio decide alike, and who has a higher one traces these
 * requests too.
 */
export function isSampled(digest: Digest, ratio: number): boolean {
  if (ratio >= 1) return true;
  return parseInt(digest.slice(RANDOM.from, RANDOM.to), 16) >= (1 - ratio) * RANDOM.range;
}

/** Checks a ratio. @throws {RangeError} if it is not between 0 and 1. */
export function checkedRatio(ratio: number = 1): number {
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw new RangeError(`sampleRatio: expected a number from 0 to 1, got ${ratio}`);
}
