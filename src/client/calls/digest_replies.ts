/**
 * Digest replies (§5.1 of the paper) for one exchange. Of the replicas that are asked first, one is asked for the
 * results, and the others for replies without them. A reply without results waits here until there are results to put
 * into it; the exchange sees a POST that takes longer. If a signature is then not valid, one of the two replicas lies.
 * In that case, and if no replica is left that was asked for results, the others are asked for theirs as well.
 * @module
 */
import type { Reply } from "../../core/messages/messages.ts";
import { DIGEST_REPLY, isDigestReply, wholeReply } from "../../wire/client/digest_reply.ts";
import { ACCEPT_PATHS } from "../../wire/messages/reply_tree.ts";
import type { Answer } from "../transport/post.ts";
import type { ExchangeContext, Sendable } from "./exchange.ts";

/**
 * The `accept` header for a replica that need not send the results. A replica of an earlier version sends them all the
 * same.
 */
const ACCEPT_DIGESTS = `${ACCEPT_PATHS}, ${DIGEST_REPLY}`;

/** The same context, with digest replies. It serves one exchange. */
export function withDigestReplies(context: ExchangeContext): ExchangeContext {
  const digests = new DigestReplies(context);
  return {
    ...context,
    post: (url, request, signal) => digests.post(url, request, signal),
    check: (frame, request, peer) => digests.check(frame, request, peer),
  };
}

class DigestReplies {
  readonly #context: ExchangeContext;
  #asked = 0;
  /** Whole replies that are awaited, or being checked. */
  #awaited = 0;
  #results: Reply | null = null;
  /** Completed replies whose signatures were found valid. */
  readonly #valid = new WeakMap<Uint8Array, Reply>();
  #waiting: (() => void)[] = [];

  constructor(context: ExchangeContext) {
    this.#context = context;
  }

  async post(url: string, request: Sendable, signal: AbortSignal): Promise<Answer> {
    const place = this.#asked++;
    const { needed } = this.#context.replicas;
    if (place >= needed || place === chosen(request, needed)) return await this.#askWhole(url, request, signal);
    const answer = await this.#context.post(url, request, signal, ACCEPT_DIGESTS);
    if (answer.kind !== "frame") return answer;
    if (!isDigestReply(answer.frame)) {
      // The reply is short, or the replica is an earlier version's.
      this.#awaited++;
      return answer;
    }
    await this.#untilResults(signal);
    return await this.#completed(answer.frame, url, request) ?? await this.#askWhole(url, request, signal);
  }

  /** Checks a reply, as the exchange does with each frame that it was given. */
  async check(...[frame, request, peer]: Parameters<ExchangeContext["check"]>): Promise<Reply | string> {
    const valid = this.#valid.get(frame);
    if (valid) return valid;
    const reply = await this.#context.check(frame, request, peer);
    if (typeof reply === "object") this.#results ??= reply;
    this.#noLongerAwaited();
    return reply;
  }

  async #askWhole(url: string, request: Sendable, signal: AbortSignal): Promise<Answer> {
    this.#awaited++;
    const answer = await this.#context.post(url, request, signal);
    if (answer.kind !== "frame") this.#noLongerAwaited();
    return answer;
  }

  /** Waits until there are results, or nobody is left from whom they could come. */
  async #untilResults(signal: AbortSignal): Promise<void> {
    while (this.#results === null && this.#awaited > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** The whole reply with a valid signature, or `null`. */
  async #completed(digestReply: Uint8Array, url: string, request: Sendable): Promise<Answer | null> {
    const peer = this.#context.replicas.peers.find((peer) => peer.url === url);
    if (this.#results === null || peer === undefined) return null;
    const frame = wholeReply(digestReply, this.#results);
    const reply = await this.#context.check(frame, request, peer);
    if (typeof reply === "string") return null;
    this.#valid.set(frame, reply);
    return { kind: "frame", frame };
  }

  #noLongerAwaited(): void {
    this.#awaited--;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/**
 * Which of the first `count` replicas is asked for the results: another one for each request, so that all share the
 * load.
 */
function chosen({ digest }: Sendable, count: number): number {
  return Number.parseInt(digest.slice(0, 8), 16) % count;
}
