/**
 * What a thief says in the names of an epoch's members, with keys of closed epochs: votes and certificates of whole
 * quorums, of all kinds.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type {
  Checkpoint,
  Commit,
  GatewayRequest,
  Message,
  Prepare,
  PrePrepare,
  ReplicaMessage,
  Signed,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import type { ReplicaStatus } from "../../core/io.ts";
import { primaryOf } from "../../core/messages/quorum.ts";
import { sign } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import { decodeFrame, encodeBatch, encodeFrame, utf8 } from "../../wire/mod.ts";
import type { Random } from "../random.ts";
import { EPOCH_MS } from "../world/clock.ts";
import type { World } from "../world/world.ts";
import type { StolenKeys } from "./stolen_keys.ts";

/** The place where the victim is. */
export interface Victim {
  readonly world: World;
  readonly status: Pick<ReplicaStatus, "view" | "lastExecuted" | "lowWatermark">;
  /** Members of its epoch that lie, and help the thief with their own names. */
  readonly liars: readonly ReplicaId[];
}

/** The parts of a speaker. */
export interface WordsOptions {
  readonly keys: StolenKeys;
  readonly random: Random;
  /** The frames of the certificate that closed the stolen epoch. */
  readonly closing: readonly Uint8Array[];
}

/** Forged frames for one victim. */
export function forgedWords(victim: Victim, options: WordsOptions): readonly Uint8Array[] {
  return new Words(victim, options).speak();
}

class Words {
  readonly #victim: Victim;
  readonly #options: WordsOptions;
  readonly #seats: readonly ReplicaId[];
  readonly #view: View;
  readonly #sequence: SequenceNumber;
  readonly #checkpointAt: SequenceNumber;
  readonly #body = encodeBatch(0 as Millis, []);
  readonly #digest: Digest;

  constructor(victim: Victim, options: WordsOptions) {
    const { world: { genesis, crypto }, status: { view, lastExecuted, lowWatermark } } = victim;
    const { random } = options;
    const { checkpointInterval: K } = genesis;
    this.#victim = victim;
    this.#options = options;
    this.#seats = genesis.replicas.map((_, seat) => seat as ReplicaId);
    this.#view = view;
    this.#sequence = lastExecuted + random.int(1, 3) as SequenceNumber;
    this.#checkpointAt = (Math.floor(lowWatermark / K) + random.int(1, 2)) * K as SequenceNumber;
    this.#digest = random.chance(0.5) ? crypto.hash(this.#body) : crypto.hash(utf8(`stolen ${random.int(0, 9)}`));
  }

  speak(): readonly Uint8Array[] {
    const { random } = this.#options;
    return random.pick<() => readonly Uint8Array[]>([
      () => [this.#proposal(), ...this.#ofAll((replica) => this.#prepare(replica))],
      () => this.#ofAll((replica) => this.#commit(replica)),
      () => this.#ofAll((replica) => this.#checkpoint(replica)),
      () => this.#ofAll((replica) => this.#suspicion(replica)),
      () => this.#ofAll((replica) => this.#viewChange(replica)),
      () => [this.#newView()],
      () => [this.#by((replica) => ({ kind: "decision", replica, commits: this.#signedBy((by) => this.#commit(by)) }))],
      () => [this.#by((replica) => ({ kind: "stable-checkpoint", replica, checkpoints: this.#checkpoints() }))],
      () => [this.#by((replica) => ({ kind: "stable-checkpoint", replica, checkpoints: this.#closing() }))],
      () => this.#options.closing,
      () => this.#ofAll((replica) => this.#status(replica)),
      () => [this.#by((gateway) => this.#vouched(gateway))],
    ])();
  }

  #sign<M extends Message>(message: M, by: Signer): Signed<M> {
    return sign(by, message);
  }

  /** Each member says this, with a stolen key. */
  #signedBy<M extends Message>(say: (replica: ReplicaId) => M): readonly Signed<M>[] {
    const { keys } = this.#options;
    return this.#seats.map((seat) => this.#sign(say(seat), keys.signerFor(this.#victim.world, seat)));
  }

  #ofAll(say: (replica: ReplicaId) => Message): readonly Uint8Array[] {
    return this.#signedBy(say).map((signed) => encodeFrame(signed));
  }

  /** One member says this: a liar in its own name if there is one, so that only what it quotes is stolen. */
  #by(say: (replica: ReplicaId) => Message, seat?: ReplicaId): Uint8Array {
    const { world, liars } = this.#victim;
    const { random, keys } = this.#options;
    const liar = seat === undefined ? liars.length > 0 && random.chance(0.7) ? random.pick(liars) : undefined : seat;
    if (liar !== undefined && liars.includes(liar)) return encodeFrame(this.#sign(say(liar), world.signerOf(liar)));
    const by = liar ?? random.pick(this.#seats);
    return encodeFrame(this.#sign(say(by), keys.signerFor(world, by)));
  }

  #proposalOf(replica: ReplicaId, view = this.#view): PrePrepare {
    return { kind: "pre-prepare", replica, view, sequence: this.#sequence, digest: this.#digest };
  }

  #proposal(): Uint8Array {
    const primary = primaryOf(this.#view, this.#seats.length);
    return encodeFrame(
      this.#sign(this.#proposalOf(primary), this.#options.keys.signerFor(this.#victim.world, primary)),
      this.#body,
    );
  }

  #prepare(replica: ReplicaId): Prepare {
    return { kind: "prepare", replica, view: this.#view, sequence: this.#sequence, digest: this.#digest };
  }

  #commit(replica: ReplicaId): Commit {
    return { kind: "commit", replica, view: this.#view, sequence: this.#sequence, digest: this.#digest };
  }

  #checkpoint(replica: ReplicaId): Checkpoint {
    return { kind: "checkpoint", replica, sequence: this.#checkpointAt, digest: this.#digest };
  }

  #checkpoints(): readonly Signed<Checkpoint>[] {
    return this.#signedBy((by) => this.#checkpoint(by));
  }

  /** The true certificate of the epoch that is closed. */
  #closing(): readonly Signed<Checkpoint>[] {
    return this.#options.closing.map((frame) => decodeFrame(frame).signed as Signed<Checkpoint>);
  }

  #suspicion(replica: ReplicaId): Suspicion {
    const view = this.#view;
    return { kind: "suspicion", replica, view, executed: this.#sequence, number: 2 ** 40, standing: "suspects" };
  }

  #viewChange(replica: ReplicaId): ViewChange {
    const { random } = this.#options;
    const primary = primaryOf(this.#view, this.#seats.length);
    const prePrepare = this.#sign(
      this.#proposalOf(primary),
      this.#options.keys.signerFor(this.#victim.world, primary),
    );
    const others = this.#signedBy((by) => this.#prepare(by)).filter(({ message }) => message.replica !== primary);
    return {
      kind: "view-change",
      replica,
      view: this.#view + 1 as View,
      stable: random.chance(0.5) ? this.#checkpoints() : [],
      prepared: random.chance(0.5) ? [{ prePrepare, prepares: others }] : [],
      suspicions: this.#signedBy((by) => this.#suspicion(by)),
    };
  }

  #newView(): Uint8Array {
    const view = this.#view + 1 as View;
    const primary = primaryOf(view, this.#seats.length);
    const viewChanges = this.#signedBy((by) => this.#viewChange(by));
    const prePrepares = [
      this.#sign(this.#proposalOf(primary, view), this.#options.keys.signerFor(this.#victim.world, primary)),
    ];
    return this.#by((replica) => ({ kind: "new-view", replica, view, viewChanges, prePrepares }), primary);
  }

  #status(replica: ReplicaId): ReplicaMessage {
    const far = this.#sequence + 1_000 as SequenceNumber;
    return {
      kind: "status",
      replica,
      number: 2 ** 44,
      view: this.#view + 3 as View,
      phase: "active",
      stable: far,
      executed: far,
      stages: [],
      votesAbove: 0 as SequenceNumber,
      challenge: 0 as Millis,
      echo: 0 as Millis,
      seen: 1,
    };
  }

  /** An operation of nobody, in the name of a gateway. A liar may vouch for what it likes, so no client uses this key. */
  #vouched(gateway: ReplicaId): GatewayRequest {
    const { engine } = this.#victim.world;
    const notAfter = Math.floor(EPOCH_MS + engine.now) + 1_000 as Millis;
    const operation = utf8('{"op":"set","key":"stolen","value":"1"}');
    return { kind: "gateway-request", gateway, notAfter, operations: [{ name: "thief", timestamp: 1, operation }] };
  }
}
