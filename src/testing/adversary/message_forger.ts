/**
 * Forgeries: messages in others' names, with signatures of nobody, or with signatures made for something else. No
 * forgery may pass a gate.
 * @module
 */
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type {
  Checkpoint,
  Commit,
  Message,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  ReplicaMessage,
  Signed,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import { sign } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import { encodeBatch, encodeFrame, encodeMessage, SIGNATURE_BYTES } from "../../wire/mod.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";

/** The parts of a forger. */
export interface ForgerOptions {
  readonly world: World;
  readonly replica: ReplicaId;
  readonly signer: Signer;
  readonly random: Random;
}

type Vote = PrePrepare | Prepare | Commit;

/** How many votes of others are kept. */
const MEMORY = 30;

/** Makes forgeries that fit the state of the protocol. */
export class MessageForger {
  readonly #options: ForgerOptions;
  readonly #votes: Signed<Vote>[] = [];

  constructor(options: ForgerOptions) {
    this.#options = options;
  }

  /** Learns from the messages of others. */
  hear({ message, bytes, signature }: Signed): void {
    if (message.kind !== "pre-prepare" && message.kind !== "prepare" && message.kind !== "commit") return;
    this.#votes.push({ message, bytes, signature });
    if (this.#votes.length > MEMORY) this.#votes.shift();
  }

  /** A forged frame; `null` before there is a message to forge. */
  forge(): Uint8Array | null {
    const { random } = this.#options;
    if (this.#votes.length === 0) return null;
    const heard = random.pick(this.#votes);
    return random.pick<() => Uint8Array>([
      () => this.#disguise(heard),
      () => encodeFrame({ ...heard, signature: this.#junk() }),
      () => encodeFrame(this.#inName(random.pick(this.#others), (replica) => this.#simple(replica, heard.message))),
      () => encodeFrame(sign(this.#options.signer, this.#certificate(heard.message))),
    ])();
  }

  get #others(): readonly ReplicaId[] {
    const { world: { genesis }, replica } = this.#options;
    return genesis.replicas.map((_, id) => id as ReplicaId).filter((id) => id !== replica);
  }

  /** A vote under another kind: the same bytes, with a signature that is valid for them. */
  #disguise({ message, bytes, signature }: Signed<Vote>): Uint8Array {
    const kinds = (["pre-prepare", "prepare", "commit"] as const).filter((kind) => kind !== message.kind);
    return encodeFrame({ message: { ...message, kind: this.#options.random.pick(kinds) }, bytes, signature });
  }

  /** A message that another replica has never sent, or has sent in another cluster only. */
  #inName<M extends Message>(replica: ReplicaId, make: (replica: ReplicaId) => M): Signed<M> {
    const { random, world: { crypto, keyOf } } = this.#options;
    const message = make(replica);
    if (random.chance(0.5)) {
      const elsewhere = crypto.createSigner(keyOf(replica), crypto.hash(new Uint8Array([1])));
      return sign(elsewhere, message);
    }
    return { message, bytes: encodeMessage(message), signature: this.#junk() };
  }

  #junk(): Uint8Array {
    const { random } = this.#options;
    const signature = new Uint8Array(SIGNATURE_BYTES);
    for (let i = 0; i < 9; i++) signature[i] = random.int(1, 255);
    return signature;
  }

  #suspicion(replica: ReplicaId, view: number): Suspicion {
    const number = this.#options.random.int(1, 3);
    const executed = 0 as SequenceNumber;
    return { kind: "suspicion", replica, view: view as View, executed, number, standing: "suspects" };
  }

  #simple(replica: ReplicaId, { view, sequence, digest }: Vote): ReplicaMessage {
    const { random } = this.#options;
    return random.pick<() => ReplicaMessage>([
      () => ({ kind: "prepare", replica, view, sequence, digest: this.#other(digest) }),
      () => ({ kind: "commit", replica, view, sequence, digest: this.#other(digest) }),
      () => ({ kind: "checkpoint", replica, sequence: this.#checkpointAfter(sequence), digest }),
      () => this.#suspicion(replica, view + 1),
      () => ({ kind: "view-change", replica, view: view + 1 as View, stable: [], prepared: [], suspicions: [] }),
      () => ({
        kind: "status",
        replica,
        number: random.int(1, 2 ** 45),
        view,
        phase: random.pick(["active", "leaving"] as const),
        stable: 0 as SequenceNumber,
        executed: sequence,
        votesAbove: 0 as SequenceNumber,
        stages: [],
        challenge: 1 as Millis,
        echo: 0 as Millis,
        seen: random.int(0, 2 ** 45),
      }),
    ])();
  }

  /** A message in its own name that contains forged messages of others. */
  #certificate({ view, sequence, digest }: Vote): ReplicaMessage {
    const { random, replica } = this.#options;
    const made = this.#other(digest);
    const all = <M extends Message>(make: (replica: ReplicaId) => M) =>
      this.#others.map((id) => this.#inName(id, make));
    return random.pick<() => ReplicaMessage>([
      () => ({
        kind: "decision",
        replica,
        commits: all<Commit>((id) => ({ kind: "commit", replica: id, view, sequence, digest: made })),
      }),
      () => ({
        kind: "stable-checkpoint",
        replica,
        checkpoints: all<Checkpoint>((id) => {
          return { kind: "checkpoint", replica: id, sequence: this.#checkpointAfter(sequence), digest: made };
        }),
      }),
      () => ({
        kind: "view-change",
        replica,
        view: view + 1 as View,
        stable: [],
        prepared: [this.#prepared(view, sequence, made)],
        suspicions: all<Suspicion>((id) => this.#suspicion(id, view + 1)),
      }),
      () => {
        const next = this.#ownViewAfter(view);
        const viewChanges = all<ViewChange>((id) => ({
          kind: "view-change",
          replica: id,
          view: next,
          stable: [],
          prepared: [],
          suspicions: [],
        }));
        return { kind: "new-view", replica, view: next, viewChanges, prePrepares: [] };
      },
    ])();
  }

  #prepared(view: View, sequence: SequenceNumber, digest: Digest): PreparedCertificate {
    const { n } = this;
    const primary = view % n as ReplicaId;
    const backups = this.#others.filter((id) => id !== primary);
    return {
      prePrepare: this.#inName(
        primary,
        (replica): PrePrepare => ({ kind: "pre-prepare", replica, view, sequence, digest }),
      ),
      prepares: backups.map((id) => {
        return this.#inName(id, (replica): Prepare => ({ kind: "prepare", replica, view, sequence, digest }));
      }),
    };
  }

  get n(): number {
    return this.#options.world.genesis.replicas.length;
  }

  /** A null request, which every replica has, or another digest. */
  #other(digest: Digest): Digest {
    const { random, world: { crypto } } = this.#options;
    return random.pick([digest, crypto.hash(encodeBatch(0 as never, []))]);
  }

  #checkpointAfter(sequence: SequenceNumber): SequenceNumber {
    const { checkpointInterval } = this.#options.world.genesis;
    return Math.ceil(sequence / checkpointInterval) * checkpointInterval as SequenceNumber;
  }

  #ownViewAfter(view: View): View {
    let next = view + 1;
    while (next % this.n !== this.#options.replica) next++;
    return next as View;
  }
}
