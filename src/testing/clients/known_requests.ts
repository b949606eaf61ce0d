/**
 * The requests that there may be: what correct clients asked, and anything that hostile ones sign.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { AnyRequest, GatewayRequest } from "../../core/messages/messages.ts";

/** Instead of a timestamp that is not known. */
export const ANY_TIME = -1;

/** What clients have asked, in all epochs. */
export class KnownRequests {
  readonly #hash: (bytes: Uint8Array) => Digest;
  /** Digests of the requests of correct clients. */
  readonly #made = new Set<Digest>();
  readonly #hostileClients = new Set<string>();
  readonly #vouched = new Set<string>();
  /** The requests in batches. */
  readonly seen: Map<Digest, AnyRequest> = new Map();

  constructor(hash: (bytes: Uint8Array) => Digest) {
    this.#hash = hash;
  }

  /** A correct client made this request. */
  made(digest: Digest): void {
    this.#made.add(digest);
  }

  /** A correct unsigned client asked for this operation. {@linkcode ANY_TIME}: its gateway makes the timestamp. */
  asked(name: string, timestamp: number, operation: Uint8Array): void {
    this.#vouched.add(`${name}/${timestamp}/${this.#hash(operation)}`);
  }

  /** The owner of this key is hostile. Requests signed with it are valid, whatever they ask. */
  distrustClient(publicKey: string): void {
    this.#hostileClients.add(publicKey);
  }

  /** Whether a client made it. `isFaulty`: what its gateway says counts for nothing. */
  isValid(request: AnyRequest, digest: Digest, isFaulty: (request: GatewayRequest) => boolean): boolean {
    if (request.kind === "request") return this.#made.has(digest) || this.#hostileClients.has(request.client);
    return isFaulty(request) ||
      request.operations.every(({ name, timestamp, operation }) =>
        [timestamp, ANY_TIME].some((at) => this.#vouched.has(`${name}/${at}/${this.#hash(operation)}`))
      );
  }
}
