import type { ClientId } from "../../src/core/messages/ids.ts";
import type { Result, SignedRequest, Verified } from "../../src/core/messages/messages.ts";
import type { Cluster } from "./_cluster.ts";
import { signedRequest } from "./_messages.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** A signed client, as far as the core is concerned. */
export class TestClient {
  readonly id: ClientId;
  session = 0;
  #timestamp = 0;

  constructor(readonly cluster: Cluster, name: number) {
    this.id = name.toString(16).padStart(64, "c") as ClientId;
  }

  request(
    operations: readonly string[],
    fields: Partial<{ session: number; timestamp: number; lowestUnanswered: number }> = {},
  ) {
    const timestamp = fields.timestamp ?? ++this.#timestamp;
    return signedRequest({
      kind: "request",
      client: this.id,
      session: this.session,
      timestamp,
      lowestUnanswered: Math.max(1, timestamp - 8),
      operations: operations.map((operation) => utf8.encode(operation)),
      ...fields,
    });
  }

  /** Opens a session and waits for it. */
  open(): this {
    this.session = Number(
      text.decode(
        this.call([], { session: 0, timestamp: this.cluster.random.int(7_000, 1_007_000) })[0]!.value,
      ),
    );
    return this;
  }

  /** Submits to all, again and again, until f + 1 replicas agree. */
  call(operations: readonly string[], fields: Parameters<TestClient["request"]>[1] = {}): readonly Result[] {
    const request = this.request(operations, fields);
    this.retry(request);
    return this.cluster.accepted(request.digest)!;
  }

  retry(request: Verified<SignedRequest>): void {
    let next = this.cluster.now;
    this.cluster.runUntil(
      () => {
        if (this.cluster.now >= next) {
          this.cluster.submit(request);
          next = this.cluster.now + 500;
        }
        return this.cluster.accepted(request.digest) !== null;
      },
      120_000,
      `an answer to ${request.message.kind} of ${this.id.slice(-2)}`,
    );
  }
}
