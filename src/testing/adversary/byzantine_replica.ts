/**
 * A Byzantine replica: a correct one behind a fault injector that holds its key. It can send anything in its own name,
 * and nothing in another's.
 * @module
 */
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type {
  AnyRequest,
  GatewayRequest,
  Message,
  MessageKind,
  PrePrepare,
  Signed,
} from "../../core/messages/messages.ts";
import type { Query, QueryReply } from "../../core/messages/queries.ts";
import type { Result } from "../../core/messages/requests.ts";
import { sign } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import {
  decodeBatch,
  decodeFrame,
  encodeBatch,
  encodeFrame,
  encodeMessage,
  encodeReplyFrame,
  frameKind,
  fromHex,
  toHex,
  utf8,
} from "../../wire/mod.ts";
import { EPOCH_MS } from "../world/clock.ts";
import { MessageForger } from "./message_forger.ts";
import { MessageInventor } from "./message_inventor.ts";
import type { FaultInjector } from "./fault_injector.ts";
import { mutate, mutateReply, withOldSignature } from "./mutators.ts";
import { Restructurer } from "./restructurer.ts";
import type { Behaviour } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";

/** The parts of a Byzantine replica. */
export interface ByzantineReplicaOptions {
  readonly world: World;
  readonly replica: ReplicaId;
  readonly behaviours: readonly Behaviour[];
  readonly random: Random;
}

/** A message that leaves. */
interface Parcel {
  readonly frame: Uint8Array;
  readonly afterMs: number;
}

/** Frames kept for replay. */
const MEMORY = 200;
/** The part of the messages that are tampered with, where that is drawn each time. */
const OFTEN = 0.3;
const SELDOM = 0.03;
/** The part of the changed messages whose structure changes, instead of one known thing. */
const RESTRUCTURED = 0.25;
const LATE_MS = 700;
/** How long it answers queries as if nothing changed, ms. */
const FROZEN_MS = 6_000;
/** The error of a Byzantine replica's time, ms. */
const WILD_MS = [1, 1, 2_000, -600_000, 600_000];

/** Tampers with the messages of a replica. */
export class ByzantineReplica implements FaultInjector {
  readonly #options: ByzantineReplicaOptions;
  readonly #signer: Signer;
  readonly #n: number;
  readonly #heard: Uint8Array[] = [];
  /** By sender, its commit of the highest number, to be returned to it. */
  readonly #lastOf = new Map<ReplicaId, Uint8Array>();
  readonly #highest = new Map<ReplicaId, number>();
  readonly #forger: MessageForger;
  readonly #inventor: MessageInventor;
  readonly #restructurer: Restructurer;
  /** Requests that were in batches. */
  readonly #old: Signed<AnyRequest>[] = [];
  /** The kinds of messages that it does not send; empty: it sends nothing. */
  readonly #mute: readonly MessageKind[];
  /** The replicas that it ignores, or to which it tells the other story. */
  readonly #others: ReadonlySet<ReplicaId>;
  /** By request or query, the last few different answers. */
  readonly #answers = new Map<string, readonly string[]>();
  /** By query, the answer that it sticks to for a while. */
  readonly #frozen = new Map<string, string>();
  #thawsAt = 0;
  #isFrozen = false;
  /** The other story: the other batch, by view and number. */
  readonly #stories = new Map<string, { readonly digest: Digest; readonly bytes: Uint8Array }>();

  constructor(options: ByzantineReplicaOptions) {
    const { world: { genesis, signerOf }, replica, random } = options;
    this.#options = options;
    this.#signer = signerOf(replica);
    const own = { world: options.world, replica, signer: this.#signer, random };
    this.#forger = new MessageForger(own);
    this.#inventor = new MessageInventor(own);
    this.#restructurer = new Restructurer(own);
    this.#n = genesis.replicas.length;
    this.#mute = random.chance(0.3) ? [] : random.some(REPLICA_KINDS, 0.4);
    // If all were told the other story, it would be the only one.
    this.#others = new Set(random.some(genesis.replicas.map((_, id) => id as ReplicaId), random.pick([0.5, 0.5, 1])));
  }

  outgoing(to: ReplicaId, frames: readonly Uint8Array[]): readonly Parcel[] {
    const { random, behaviours, world: { coverage } } = this.#options;
    const parcels = frames.flatMap((frame) => this.#tamper(to, frame));
    if (behaviours.includes("replaying") && this.#heard.length > 0 && random.chance(OFTEN)) {
      parcels.push({ frame: random.pick(this.#heard), afterMs: 0 });
    }
    const own = behaviours.includes("replaying") && random.chance(OFTEN) && this.#lastOf.get(to);
    if (own) {
      coverage.count("mutator", `${frameKind(own)}: returned to its sender`);
      parcels.push({ frame: own, afterMs: 0 });
    }
    if (behaviours.includes("inventing") && random.chance(SELDOM)) {
      const frame = random.chance(0.1)
        ? encodeFrame(sign(this.#signer, this.#vouch(random.int(0, 9))))
        : this.#inventor.invent();
      parcels.push({ frame, afterMs: 0 });
    }
    const forged = behaviours.includes("forging") && random.chance(SELDOM) ? this.#forger.forge() : null;
    if (forged) parcels.push({ frame: forged, afterMs: 0 });
    return parcels;
  }

  incoming(frames: readonly Uint8Array[]): readonly Uint8Array[] {
    const { behaviours, random } = this.#options;
    if (behaviours.includes("replaying")) { for (const frame of frames) this.#remember(frame); }
    if (frames.length > 0 && random.chance(OFTEN)) this.#overhear(random.pick(frames));
    return behaviours.includes("starving") ? frames.filter((frame) => !this.#isOfVictim(frame)) : frames;
  }

  /** Half of the clients are ignored. */
  #isOfVictim(frame: Uint8Array): boolean {
    if (frameKind(frame) !== "request") return false;
    try {
      const { message } = decodeFrame(frame).signed;
      return message.kind === "request" && parseInt(message.client.slice(0, 2), 16) % 2 === this.#options.replica % 2;
    } catch {
      return false;
    }
  }

  reply(frame: Uint8Array, asked: Uint8Array): Uint8Array | null {
    const { behaviours, random } = this.#options;
    const { signed: { message, signature }, path } = decodeFrame(frame);
    if (behaviours.includes("mute") && (this.#mute.length === 0 || this.#mute.includes(message.kind))) return null;
    if (!behaviours.includes("lying-to-clients")) return frame;
    // The truth about a write, followed by a lie about the state it left, does more harm than lies alone.
    if (message.kind === "reply" && path && random.chance(0.3)) {
      this.#options.world.coverage.count("reply", "signed together, and forged");
      const lie = mutateReply(message, random);
      return encodeReplyFrame({ message: lie, bytes: encodeMessage(lie), signature }, path);
    }
    if (message.kind === "reply") {
      return random.chance(0.5) ? frame : encodeFrame(sign(this.#signer, mutateReply(message, random)));
    }
    return message.kind === "query-reply" ? encodeFrame(sign(this.#signer, this.#older(message, asked))) : frame;
  }

  /** Its earlier answers to the same operations, as a replica that lags may give; perhaps not to all of them. */
  #older(reply: QueryReply, asked: Uint8Array): QueryReply {
    const { operations } = decodeFrame(asked).signed.message as Query;
    const results = reply.results.map((result, i) => this.#olderResult(result, toHex(operations[i]!)));
    const { random } = this.#options;
    return { ...reply, results: random.chance(0.2) ? results.slice(0, random.int(1, results.length)) : results };
  }

  #olderResult(result: Result, operation: string): Result {
    const now = toHex(result.value);
    const { random, world: { engine, coverage } } = this.#options;
    if (engine.now >= this.#thawsAt) {
      this.#thawsAt = engine.now + random.exponential(FROZEN_MS);
      this.#frozen.clear();
      this.#isFrozen = random.chance(0.5);
    }
    // As one that is cut off for a while: the two agree.
    if (this.#isFrozen) {
      const then = this.#frozen.get(operation) ?? now;
      this.#frozen.set(operation, then);
      if (then !== now) coverage.count("mutator", "query-reply: as before a while");
      return { ...result, value: fromHex(then) };
    }
    const answers = this.#answers.get(operation) ?? [];
    this.#answers.set(operation, [...answers.filter((answer) => answer !== now), now].slice(-4));
    const older = answers.filter((answer) => answer !== now).at(-1);
    coverage.count("mutator", `query-reply: ${older ? "an older result" : "another result"}`);
    const value = older ? fromHex(older) : result.value.map((byte) => byte ^ 1);
    return { ...result, value };
  }

  #overhear(frame: Uint8Array): void {
    try {
      const { signed } = decodeFrame(frame);
      this.#forger.hear(signed);
      this.#inventor.note(signed);
      this.#restructurer.hear(signed);
    } catch {
      // Another Byzantine replica's.
    }
  }

  #remember(frame: Uint8Array): void {
    if (frameKind(frame) === "commit" && this.#options.random.chance(OFTEN)) this.#noteLast(frame);
    if (this.#heard.length < MEMORY) this.#heard.push(frame);
    else if (this.#options.random.chance(0.1)) this.#heard[this.#options.random.int(0, MEMORY - 1)] = frame;
  }

  /** What a replica says of its highest number. */
  #noteLast(frame: Uint8Array): void {
    try {
      const { message } = decodeFrame(frame).signed;
      if (message.kind !== "commit" || message.sequence <= (this.#highest.get(message.replica) ?? 0)) return;
      this.#highest.set(message.replica, message.sequence);
      this.#lastOf.set(message.replica, frame);
    } catch {
      // Another Byzantine replica's.
    }
  }

  #tamper(to: ReplicaId, original: Uint8Array): Parcel[] {
    const { random, behaviours } = this.#options;
    if (behaviours.includes("replaying")) this.#remember(original);
    const { signed, batchBytes } = decodeFrame(original);
    this.#inventor.note(signed);
    let frame: Uint8Array = original;
    let afterMs = 0;
    let both = false;
    for (const behaviour of behaviours) {
      switch (behaviour) {
        case "mute":
          if (this.#mute.length === 0 || this.#mute.includes(signed.message.kind)) return [];
          break;
        case "selective":
          if (this.#others.has(to)) return [];
          break;
        case "delaying":
          afterMs += random.exponential(LATE_MS);
          break;
        case "corrupting":
          if (random.chance(SELDOM)) frame = flipped(frame, random);
          break;
        case "equivocating":
          if (this.#others.has(to)) frame = this.#otherStory(signed, batchBytes) ?? frame;
          // Some are sent both.
          if (frame !== original && random.chance(SELDOM)) both = true;
          break;
        case "mutating":
          if (random.chance(signed.message.kind === "view-change" ? 0.7 : OFTEN)) {
            frame = this.#mutated(signed, batchBytes) ?? frame;
          }
          break;
        case "lying-to-clients":
          if (signed.message.kind === "reply") {
            frame = encodeFrame(sign(this.#signer, mutateReply(signed.message, random)));
          }
          break;
        case "replaying":
        case "inventing":
        case "starving":
          break;
      }
    }
    return both ? [{ frame: original, afterMs }, { frame, afterMs }] : [{ frame, afterMs }];
  }

  #isOwn(message: Message): boolean {
    return "replica" in message && message.replica === this.#options.replica;
  }

  /** Gives the number to another batch, and votes for that one. */
  #otherStory({ message }: Signed, batchBytes: Uint8Array | undefined): Uint8Array | null {
    if (!this.#isOwn(message)) return null;
    if (message.kind === "pre-prepare") {
      const place = `${message.view}/${message.sequence}`;
      const story = this.#stories.get(place) ?? (batchBytes && this.#otherBatch(batchBytes));
      if (!story) return null;
      this.#stories.set(place, story);
      // A body that does not have the digest.
      if (batchBytes && this.#options.random.chance(SELDOM)) {
        return encodeFrame(sign(this.#signer, message), story.bytes);
      }
      const prePrepare: PrePrepare = { ...message, digest: story.digest };
      return encodeFrame(sign(this.#signer, prePrepare), batchBytes && story.bytes);
    }
    if (message.kind !== "commit" && message.kind !== "prepare") return null;
    const story = this.#stories.get(`${message.view}/${message.sequence}`);
    return story ? encodeFrame(sign(this.#signer, { ...message, digest: story.digest })) : null;
  }

  #otherBatch(bytes: Uint8Array): { readonly digest: Digest; readonly bytes: Uint8Array } {
    const { crypto, genesis } = this.#options.world;
    const { timestamp, requests } = decodeBatch(bytes, genesis.limits);
    const { random } = this.#options;
    const other = random.pick<() => readonly Signed<AnyRequest>[]>([
      () => [...requests].reverse(),
      () => [],
      () => [...requests, ...requests].slice(0, genesis.limits.maxBatchRequests),
      () => [...random.shuffled(this.#old).slice(0, 2), ...requests].slice(0, genesis.limits.maxBatchRequests),
    ])();
    for (const request of requests) this.#keepOld(random.chance(SELDOM) ? changed(request) : request);
    const bytesOfOther = encodeBatch(Math.max(0, timestamp + random.pick(WILD_MS)) as typeof timestamp, other);
    return { digest: crypto.hash(bytesOfOther), bytes: bytesOfOther };
  }

  #keepOld(request: Signed<AnyRequest>): void {
    this.#old.push(request);
    if (this.#old.length > MEMORY) this.#old.shift();
  }

  #mutated(signed: Signed, batchBytes: Uint8Array | undefined): Uint8Array | null {
    const { random, world: { coverage } } = this.#options;
    if (this.#isOwn(signed.message) && random.chance(RESTRUCTURED)) {
      coverage.count("mutator", "any kind: another structure");
      return this.#restructurer.restructure(signed.message, batchBytes);
    }
    const message = this.#isOwn(signed.message)
      ? this.#inventor.disorder(signed.message) ??
        mutate(signed.message, random, (name) => coverage.count("mutator", name))
      : null;
    if (!message) return null;
    const again = random.chance(0.9)
      ? sign(this.#signer, message)
      : withOldSignature(signed, message, encodeMessage(message));
    return encodeFrame(again, batchBytes);
  }

  /** For an invented client, whose key no other client touches. */
  #vouch(someone: number): GatewayRequest {
    const { replica, random, world: { engine, coverage } } = this.#options;
    coverage.count("mutator", "gateway-request: for nobody");
    const operation = utf8(`SET liar${someone} ${random.int(0, 9)}`);
    const operations = [{ name: `liar ${someone}`, timestamp: random.int(0, 9), operation }];
    const notAfter = Math.floor(EPOCH_MS + engine.now + random.pick([-1_000, 30_000, 10_000_000])) as Millis;
    return { kind: "gateway-request", gateway: replica, notAfter, operations };
  }
}

const REPLICA_KINDS: readonly MessageKind[] = [
  "pre-prepare",
  "prepare",
  "commit",
  "checkpoint",
  "view-change",
  "new-view",
  "reply",
  "status",
  "blobs",
  "query-reply",
];

/** A request with another operation than its client has signed. */
function changed(signed: Signed<AnyRequest>): Signed<AnyRequest> {
  const { message } = signed;
  const other = message.kind === "request"
    ? { ...message, timestamp: message.timestamp + 1 }
    : { ...message, operations: message.operations.map((one) => ({ ...one, timestamp: one.timestamp + 1 })) };
  return withOldSignature(signed, other, encodeMessage(other));
}

function flipped(frame: Uint8Array, random: Random): Uint8Array {
  const changed = frame.slice();
  changed[random.int(0, changed.length - 1)]! ^= 1 << random.int(0, 7);
  return changed;
}
