/**
 * What the members of a coalition have heard, taken together: the material of their lies.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type {
  Checkpoint,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  Signed,
  Suspicion,
  ViewChange,
} from "../../core/messages/messages.ts";
import type { Frame } from "../../wire/mod.ts";

/** The most views whose view-changes are kept. */
const VIEWS = 6;
/** The most bodies that are kept. */
const BODIES = 400;

/** One number in one view, and the proposal there. */
interface Proposal {
  readonly prePrepare: Signed<PrePrepare>;
  readonly prepares: Map<ReplicaId, Signed<Prepare>>;
}

/** The knowledge of a coalition. */
export class Knowledge {
  /** The highest view in which a correct replica is known to work. */
  view: View = 0 as View;
  /** The certificate of the last stable checkpoint that was seen. */
  stable: readonly Signed<Checkpoint>[] = [];
  /** Bodies of batches, by digest. */
  readonly bodies: Map<Digest, Uint8Array> = new Map();
  /** By number, then by view and digest. */
  readonly #proposals = new Map<SequenceNumber, Map<string, Proposal>>();
  readonly #suspicions = new Map<View, Map<ReplicaId, Signed<Suspicion>>>();
  readonly #viewChanges = new Map<View, Map<ReplicaId, Signed<ViewChange>>>();

  /** The number of the last stable checkpoint that was seen. */
  get low(): SequenceNumber {
    return this.stable[0]?.message.sequence ?? 0 as SequenceNumber;
  }

  /** Learns from a message of a member or another replica. */
  note({ signed, batchBytes }: Frame): void {
    const { message, bytes, signature } = signed;
    switch (message.kind) {
      case "pre-prepare":
        if (batchBytes) this.#keepBody(message.digest, batchBytes);
        this.view = Math.max(this.view, message.view) as View;
        return this.#propose({ message, bytes, signature });
      case "prepare":
        this.#proposal(message)?.prepares.set(message.replica, { message, bytes, signature });
        return;
      case "stable-checkpoint":
        return this.#stabilize(message.checkpoints);
      case "suspicion":
        this.#of(this.#suspicions, message.view).set(message.replica, { message, bytes, signature });
        return;
      case "view-change":
        for (const suspicion of message.suspicions) this.note({ signed: suspicion });
        this.#stabilize(message.stable);
        this.#of(this.#viewChanges, message.view).set(message.replica, { message, bytes, signature });
        for (const certificate of message.prepared) this.#certified(certificate);
        return;
      case "new-view":
        this.view = Math.max(this.view, message.view) as View;
        for (const prePrepare of message.prePrepares) this.#propose(prePrepare);
        for (const viewChange of message.viewChanges) this.note({ signed: viewChange });
        return;
    }
  }

  /** The view-changes for a view, by ascending replica. */
  viewChanges(view: View): readonly Signed<ViewChange>[] {
    return [...this.#viewChanges.get(view)?.values() ?? []].sort((a, b) => a.message.replica - b.message.replica);
  }

  /** The suspicions of others for leaving to a view. */
  suspicions(view: View): readonly Signed<Suspicion>[] {
    return [...this.#suspicions.get(view)?.values() ?? []];
  }

  /** The proposals above the last stable checkpoint, with the prepares for them. */
  get proposals(): readonly Proposal[] {
    return [...this.#proposals.values()].flatMap((all) => [...all.values()]);
  }

  #of<M>(byView: Map<View, Map<ReplicaId, M>>, view: View): Map<ReplicaId, M> {
    let known = byView.get(view);
    if (!known) {
      byView.set(view, known = new Map());
      const oldest = Math.min(...byView.keys()) as View;
      if (byView.size > VIEWS) byView.delete(oldest);
    }
    return known;
  }

  #proposal({ sequence, view, digest }: PrePrepare | Prepare): Proposal | undefined {
    return this.#proposals.get(sequence)?.get(`${view}/${digest}`);
  }

  #propose(prePrepare: Signed<PrePrepare>): void {
    const { sequence, view, digest } = prePrepare.message;
    if (sequence <= this.low || this.#proposal(prePrepare.message)) return;
    let all = this.#proposals.get(sequence);
    if (!all) this.#proposals.set(sequence, all = new Map());
    all.set(`${view}/${digest}`, { prePrepare, prepares: new Map() });
  }

  #certified({ prePrepare, prepares }: PreparedCertificate): void {
    this.#propose(prePrepare);
    for (const prepare of prepares) this.#proposal(prepare.message)?.prepares.set(prepare.message.replica, prepare);
  }

  #stabilize(certificate: readonly Signed<Checkpoint>[]): void {
    if ((certificate[0]?.message.sequence ?? 0) <= this.low) return;
    this.stable = certificate;
    for (const sequence of [...this.#proposals.keys()]) if (sequence <= this.low) this.#proposals.delete(sequence);
  }

  #keepBody(digest: Digest, bytes: Uint8Array): void {
    this.bodies.set(digest, bytes);
    if (this.bodies.size > BODIES) this.bodies.delete(this.bodies.keys().next().value!);
  }
}
