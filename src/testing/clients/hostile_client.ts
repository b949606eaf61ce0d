/**
 * A hostile client with a key of its own.
 * @module
 */
import type { ClientId, ReplicaId } from "../../core/messages/ids.ts";
import type { ClientRequest } from "../../core/messages/messages.ts";
import type { Query } from "../../core/messages/queries.ts";
import { sign } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import { decodeFrame, encodeFrame, fromUtf8, utf8 } from "../../wire/mod.ts";
import type { HostileBehaviour } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { hostOf, type World } from "../world/world.ts";

/** The parts of a hostile client. */
export interface HostileClientOptions {
  readonly world: World;
  readonly name: string;
  readonly behaviour: HostileBehaviour;
  readonly random: Random;
}

/** Mean pause between two attacks, ms. */
const PAUSE_MS: { readonly [B in HostileBehaviour]: number } = {
  "two-operations": 3_000,
  "far-timestamps": 6_000,
  "flooding": 30_000,
  "split-timestamps": 2_000,
  "given-up": 2_000,
  "largest-requests": 1_500,
  "garbage": 3_000,
};
/** The delay after which it acknowledges the timestamp that it gives up, ms. */
const GIVEN_UP_MS = 300;
/** Room for the fields around the operation in a request, bytes. */
const REQUEST_OVERHEAD_BYTES = 256;
/** Requests at once in a flood. */
const FLOOD = 24;

/** A hostile client. It touches only its own key of the state, so that its effects cannot be taken for a fault of the service. */
export class HostileClient {
  readonly #options: HostileClientOptions;
  readonly #signer: Signer;
  #session = 0;
  #timestamp = 1;

  constructor(options: HostileClientOptions) {
    const { world: { crypto, cluster, checker }, name } = options;
    this.#options = {
      ...options,
      get world() {
        return options.world.epochs?.last ?? options.world;
      },
    };
    this.#signer = crypto.createSigner(crypto.keyPair(name).privateKey, cluster);
    checker.requests.distrustClient(this.#signer.publicKey);
  }

  /** Starts, and goes on until `isOver`. */
  start(isOver: () => boolean): void {
    if (isOver()) return;
    const { world: { engine }, random, behaviour } = this.#options;
    this.#act();
    engine.after(random.exponential(PAUSE_MS[behaviour]), () => this.start(isOver));
  }

  #act(): void {
    const { behaviour, random } = this.#options;
    if (behaviour === "garbage") return random.chance(0.2) ? this.#sendElsewhere() : this.#sendGarbage();
    if (this.#session === 0) return this.#send(this.#request({ session: 0, timestamp: random.int(1, 3) }), this.#all);
    switch (behaviour) {
      case "two-operations": {
        const timestamp = this.#timestamp++;
        for (const replica of this.#all) this.#send(this.#request({ timestamp }), [replica]);
        return;
      }
      case "far-timestamps":
        return this.#send(
          this.#request({
            session: random.pick([this.#session, this.#session, 1_000_000]), // a session that nobody has opened yet
            timestamp: random.pick([2 ** 53 - 1, 1_000_000, this.#timestamp + 64, this.#timestamp++]),
          }),
          this.#all,
        );
      case "split-timestamps": {
        const [odd, ...others] = random.shuffled(this.#all);
        const [first, second] = [this.#timestamp++, this.#timestamp++];
        this.#send(this.#request({ timestamp: first, lowestUnanswered: random.pick([1, first]) }), others);
        return this.#send(this.#request({ timestamp: second, lowestUnanswered: random.pick([1, second]) }), [odd!]);
      }
      case "given-up": {
        const timestamp = this.#timestamp++;
        this.#send(this.#request({ timestamp, lowestUnanswered: timestamp }), [random.pick(this.#all)]);
        const next = this.#timestamp++;
        return this.#options.world.engine.after(random.exponential(GIVEN_UP_MS), () => {
          this.#send(this.#request({ timestamp: next, lowestUnanswered: next }), this.#all);
        });
      }
      case "largest-requests": {
        const timestamp = this.#timestamp++;
        const { maxRequestBytes } = this.#options.world.genesis.limits;
        const operation = new Uint8Array(Math.max(1, maxRequestBytes - REQUEST_OVERHEAD_BYTES)).fill(65);
        const request = { ...this.#request({ timestamp, lowestUnanswered: timestamp }), operations: [operation] };
        return this.#send(request, random.chance(0.5) ? this.#all : [random.pick(this.#all)]);
      }
      case "flooding":
        for (let i = 0; i < FLOOD; i++) {
          const session = random.chance(0.3) ? 0 : this.#session;
          const timestamp = session === 0 ? random.int(1, 1_000_000) : this.#timestamp++;
          this.#send(this.#request({ session, timestamp, lowestUnanswered: timestamp }), [random.pick(this.#all)]);
        }
    }
  }

  get #all(): readonly ReplicaId[] {
    return this.#options.world.genesis.replicas.map((_, id) => id as ReplicaId);
  }

  #request(fields: Partial<ClientRequest>): ClientRequest {
    const { session = this.#session, timestamp = 1, lowestUnanswered = 0 } = fields;
    const { random, name } = this.#options;
    const operations = session === 0 ? [] : [utf8(`SET ${name} ${random.int(0, 1_000_000)}`)];
    return {
      kind: "request",
      client: this.#signer.publicKey as ClientId,
      session,
      timestamp,
      lowestUnanswered,
      operations,
    };
  }

  #send(request: ClientRequest, to: readonly ReplicaId[]): void {
    const frame = encodeFrame(sign(this.#signer, request));
    for (const replica of to) {
      const { world } = this.#options;
      world.network.ask(hostOf(world, replica), (station) => station.submit(frame), (answer) => {
        if (answer instanceof Uint8Array) this.#onReply(answer);
      });
    }
  }

  #onReply(frame: Uint8Array): void {
    try {
      const { message } = decodeFrame(frame).signed;
      if (this.#session !== 0 || message.kind !== "reply" || message.results[0]?.status !== "ok") return;
      this.#session = Number(fromUtf8(message.results[0].value)) || 0;
    } catch {
      // The answer of a Byzantine replica.
    }
  }

  /** Sends a query where requests are taken. */
  #sendElsewhere(): void {
    const { world: { network }, random } = this.#options;
    const client = this.#signer.publicKey as ClientId;
    const query: Query = { kind: "query", client, nonce: this.#timestamp++, operations: [utf8("GET a")] };
    const frame = encodeFrame(sign(this.#signer, query));
    network.ask(hostOf(this.#options.world, random.pick(this.#all)), (station) => station.submit(frame), () => {});
  }

  #sendGarbage(): void {
    const { world: { network, genesis }, random } = this.#options;
    const forged = { ...this.#request({ timestamp: 1 }), client: genesis.replicas[0]!.publicKey as ClientId };
    const frame = encodeFrame(sign(this.#signer, forged)).slice();
    if (random.chance(0.7)) frame[random.int(0, frame.length - 1)]! ^= 1 << random.int(0, 7);
    if (random.chance(0.2)) frame.fill(random.int(0, 255), random.int(0, frame.length - 1));
    network.ask(hostOf(this.#options.world, random.pick(this.#all)), (station) => station.submit(frame), () => {});
  }
}
