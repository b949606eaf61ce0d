/**
 * Messages that no correct replica would send, all in the sender's own name: numbers and views out of range, and
 * certificates made of its own votes only.
 * @module
 */
import type { Digest, Millis, SequenceNumber, View } from "../../core/messages/ids.ts";
import type {
  Checkpoint,
  Commit,
  Message,
  NewView,
  Prepare,
  PrePrepare,
  ReplicaMessage,
  Signed,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import { sign } from "../../node/environment.ts";
import { encodeBatch, encodeFrame } from "../../wire/mod.ts";
import type { ForgerOptions } from "./message_forger.ts";
import { otherDigest } from "./mutators.ts";

/** Invents messages. */
export class MessageInventor {
  readonly #options: ForgerOptions;
  readonly #n: number;
  /** The place of the last vote that was sent. */
  #view = 0 as View;
  #sequence = 1 as SequenceNumber;
  /** The last pre-prepare, perhaps another replica's, and the last stable checkpoint, so that inventions look plausible. */
  #prePrepare: Signed<PrePrepare> | null = null;
  #stable: ViewChange["stable"] = [];
  #heard: NewView | null = null;

  constructor(options: ForgerOptions) {
    this.#options = options;
    this.#n = options.world.genesis.replicas.length;
  }

  /** Learns how far the others are. */
  note({ message, bytes, signature }: Signed): void {
    if (message.kind === "view-change" && message.stable.length > 0) this.#stable = message.stable;
    if (message.kind === "new-view") this.#heard = message;
    if (message.kind === "pre-prepare") this.#prePrepare = { message, bytes, signature };
    if (message.kind !== "pre-prepare" && message.kind !== "prepare" && message.kind !== "commit") return;
    this.#view = message.view;
    this.#sequence = message.sequence;
  }

  /** Another new-view from the same view-changes, or from too few of them; `null`: this is no new-view, or it is left as it is. */
  disorder(message: Message): NewView | null {
    const { random, world: { crypto } } = this.#options;
    if (message.kind !== "new-view" || random.chance(0.3)) return null;
    const { prePrepares, viewChanges } = message;
    const digest = crypto.hash(this.#nullBody);
    return random.pick<() => NewView>([
      () => ({ ...message, prePrepares: prePrepares.map(({ message: own }) => this.#sign({ ...own, digest })) }),
      () => ({ ...message, prePrepares: prePrepares.slice(0, -1) }),
      () => ({ ...message, viewChanges: viewChanges.slice(1) }),
      () => ({ ...message, viewChanges: viewChanges.map((_, i) => viewChanges[Math.max(1, i)]!) }),
    ])();
  }

  /** An invented frame. */
  invent(): Uint8Array {
    const { random } = this.#options;
    if (random.chance(0.05)) return this.#nullRequest();
    return encodeFrame(this.#sign(random.chance(0.5) ? this.#doubled() : this.#wild()));
  }

  get #next(): SequenceNumber {
    return this.#sequence + this.#options.random.int(0, 2) as SequenceNumber;
  }

  get #nullBody(): Uint8Array {
    return encodeBatch(0 as never, []);
  }

  #sign<M extends Message>(message: M): Signed<M> {
    return sign(this.#options.signer, message);
  }

  /** Proposes the null request, also where it is not the primary. */
  #nullRequest(): Uint8Array {
    const { replica, world: { crypto } } = this.#options;
    const body = this.#nullBody;
    const digest = crypto.hash(body);
    const view = this.#view;
    return encodeFrame(
      this.#sign<PrePrepare>({ kind: "pre-prepare", replica, view, sequence: this.#next, digest }),
      body,
    );
  }

  /** Certificates of its own votes only, as many as a quorum has and more. */
  #doubled(): ReplicaMessage {
    const { replica, random, world: { crypto, genesis: { checkpointInterval } } } = this.#options;
    const many = <T>(one: T): readonly T[] => Array.from({ length: this.#n }, () => one);
    const digest = crypto.hash(this.#nullBody);
    const [view, sequence] = [this.#view, this.#next];
    const at = Math.ceil(sequence / checkpointInterval) * checkpointInterval as SequenceNumber;
    const checkpoints = many(this.#sign<Checkpoint>({ kind: "checkpoint", replica, sequence: at, digest }));
    const prePrepare = this.#prePrepare ??
      this.#sign<PrePrepare>({ kind: "pre-prepare", replica, view, sequence, digest });
    const prepares = many(this.#sign<Prepare>({ ...prePrepare.message, kind: "prepare", replica }));
    return random.pick<() => ReplicaMessage>([
      () => ({ kind: "prepare", replica, view, sequence, digest: random.pick([digest, otherDigest(digest)]) }),
      () => ({
        kind: "decision",
        replica,
        commits: many(this.#sign<Commit>({ kind: "commit", replica, view, sequence, digest })),
      }),
      () => ({ kind: "stable-checkpoint", replica, checkpoints }),
      () => ({
        kind: "view-change",
        replica,
        view: view + 1 as View,
        stable: checkpoints,
        prepared: [],
        suspicions: [],
      }),
      () => ({
        kind: "view-change",
        replica,
        view: view + random.pick([0, 1, 1]) as View,
        stable: this.#stable,
        prepared: [{ prePrepare, prepares }],
        suspicions: many(this.#sign(this.#suspicion())),
      }),
      () => this.#newView(many),
    ])();
  }

  #suspicion(view: number = this.#view + 1): Suspicion {
    const { replica, random } = this.#options;
    const number = random.pick([1, 2, 3, 1_000, 2 ** 40]);
    const standing = random.pick(["suspects", "suspects", "agrees", "withdrawn"] as const);
    return { kind: "suspicion", replica, view: view as View, executed: this.#sequence, number, standing };
  }

  #newView(many: <T>(one: T) => readonly T[]): NewView {
    const { replica, random } = this.#options;
    // As if it were the primary of a view that another one has started.
    if (this.#heard && random.chance(0.5)) {
      const prePrepares = this.#heard.prePrepares.map(({ message }) => this.#sign({ ...message, replica }));
      return { ...this.#heard, replica, prePrepares };
    }
    let view = this.#view + 1;
    while (view % this.#n !== replica) view++;
    const viewChange: ViewChange = {
      kind: "view-change",
      replica,
      view: view as View,
      stable: [],
      prepared: [],
      suspicions: [],
    };
    return {
      kind: "new-view",
      replica,
      view: view as View,
      viewChanges: many(this.#sign(viewChange)),
      prePrepares: [],
    };
  }

  /** An arbitrary digest. */
  #wild(): ReplicaMessage {
    const { replica, random, world: { crypto } } = this.#options;
    const digest = crypto.hash(new Uint8Array([random.int(0, 255)]));
    const sequence = random.pick([1, 8, 64, 512, this.#sequence + 100, 2 ** 40]) as SequenceNumber;
    const view = random.pick([this.#view, this.#view + 2, 1, 3, this.#n, 1_000, 2 ** 40]) as View;
    const zero = 0 as SequenceNumber;
    const number = random.pick([1, random.int(1, 2 ** 45)]);
    const phase = random.pick(["active", "leaving"] as const);
    const [challenge, echo] = [random.int(0, 1) as Millis, 0 as Millis];
    return random.pick<() => ReplicaMessage>([
      () => ({ kind: "view-change", replica, view, stable: [], prepared: [], suspicions: [] }),
      () => this.#suspicion(view),
      () => this.#suspicion(),
      () => ({ kind: "new-view", replica, view, viewChanges: [], prePrepares: [] }),
      () => ({ kind: "checkpoint", replica, sequence, digest }),
      () => ({
        kind: "status",
        replica,
        number,
        view,
        phase,
        stable: sequence,
        executed: sequence,
        stages: [],
        votesAbove: zero,
        challenge,
        echo,
        seen: number,
      }),
      () => ({
        kind: "status",
        replica,
        number,
        view,
        phase,
        stable: zero,
        executed: zero,
        stages: [],
        votesAbove: zero,
        challenge,
        echo,
        seen: number,
      }),
      () => ({ kind: "fetch", replica, number, digests: Array.from({ length: 32 }, (_, i) => numbered(digest, i)) }),
      () => ({ kind: "pre-prepare", replica, view, sequence, digest }),
      () => ({ kind: "commit", replica, view, sequence, digest }),
      () => ({ kind: "prepare", replica, view, sequence, digest }),
      () => ({ kind: "blobs", replica, blobs: [new Uint8Array([1, 2, 3])] }),
    ])();
  }
}

function numbered(digest: Digest, number: number): Digest {
  return otherDigest(`${digest.slice(0, -2)}${10 + number}` as Digest);
}
