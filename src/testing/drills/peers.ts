/**
 * The others in a drill: any message, in anybody's name, signed with the right key.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import type { Input } from "../../core/io.ts";
import type {
  Batch,
  Checkpoint,
  ClientRequest,
  Commit,
  Decision,
  NewView,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  ReplicaMessage,
  Signed,
  SignedRequest,
  Status,
  Suspicion,
  Verified,
  ViewChange,
} from "../../core/messages/messages.ts";
import type { Query, SignedQuery } from "../../core/messages/queries.ts";
import { sign, withDigest } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import { encodeBatch } from "../../wire/mod.ts";
import { faultyAmong, quorumOf } from "../invariants/paper.ts";
import type { World } from "../world/world.ts";

/** The place of a vote. */
export interface Place {
  readonly view: number;
  readonly sequence: number;
  readonly digest: Digest;
}

/** All replicas but the one in the drill. */
export class Peers {
  readonly n: number;
  readonly quorum: number;
  /** The digest of a null request. */
  readonly empty: Verified<Batch>;
  readonly #world: World;
  readonly #signers = new Map<ReplicaId, Signer>();
  #clients = 0;
  /** The number of the next status: each is new to the copy. */
  #numbers = 0;

  constructor(world: World) {
    this.#world = world;
    this.n = world.genesis.replicas.length;
    this.quorum = quorumOf(this.n);
    this.empty = this.batch(0, []);
  }

  /** The primary of a view. */
  primaryOf(view: number): ReplicaId {
    return view % this.n as ReplicaId;
  }

  /** Signs in its sender's name. */
  sign<M extends ReplicaMessage>(message: M): Verified<Signed<M>> {
    const { crypto, keyOf, cluster } = this.#world;
    let signer = this.#signers.get(message.replica);
    if (!signer) this.#signers.set(message.replica, signer = crypto.createSigner(keyOf(message.replica), cluster));
    return sign(signer, message);
  }

  /** The client that was made last. */
  get newcomer(): number {
    return this.#clients;
  }

  /**
   * A request of a new client: it opens a session, which no state machine sees. `again`: another request of the last
   * client, or of this one.
   */
  request(again?: Partial<ClientRequest>, of?: number): Verified<SignedRequest<ClientRequest>> {
    const { crypto, cluster } = this.#world;
    if (!again) this.#clients++;
    const { privateKey, publicKey } = crypto.keyPair(`drill ${of ?? this.#clients}`);
    const client = publicKey as ClientId;
    const message: ClientRequest = {
      kind: "request",
      client,
      session: 0,
      timestamp: this.#clients,
      lowestUnanswered: 0,
      operations: [],
      ...again,
    };
    const signed = sign(crypto.createSigner(privateKey, cluster), message);
    return withDigest(signed, crypto.hash) as Verified<SignedRequest<ClientRequest>>;
  }

  /** A query of a new client. */
  query(): Verified<SignedQuery> {
    const { crypto, cluster } = this.#world;
    const { privateKey, publicKey } = crypto.keyPair(`drill ${++this.#clients}`);
    const query: Query = {
      kind: "query",
      client: publicKey as ClientId,
      nonce: this.#clients,
      operations: [new Uint8Array([1])],
    };
    const signed = sign(crypto.createSigner(privateKey, cluster), query);
    return withDigest(signed, crypto.hash) as Verified<SignedQuery>;
  }

  /** A batch of these requests. */
  batch(timestamp: number, requests: readonly SignedRequest[]): Verified<Batch> {
    const bytes = encodeBatch(timestamp as Millis, requests);
    const digest = this.#world.crypto.hash(bytes);
    return { digest, bytes, timestamp: timestamp as Millis, requests } as unknown as Verified<Batch>;
  }

  prePrepare(place: Place, by: ReplicaId = this.primaryOf(place.view)): Verified<Signed<PrePrepare>> {
    return this.sign<PrePrepare>({ kind: "pre-prepare", replica: by, ...typed(place) });
  }

  prepare(place: Place, by: ReplicaId): Verified<Signed<Prepare>> {
    return this.sign<Prepare>({ kind: "prepare", replica: by, ...typed(place) });
  }

  commit(place: Place, by: ReplicaId): Verified<Signed<Commit>> {
    return this.sign<Commit>({ kind: "commit", replica: by, ...typed(place) });
  }

  checkpoint(sequence: number, digest: Digest, by: ReplicaId): Verified<Signed<Checkpoint>> {
    return this.sign<Checkpoint>({ kind: "checkpoint", replica: by, sequence: sequence as SequenceNumber, digest });
  }

  /** A proof that a number is decided. */
  decision(commits: readonly Signed<Commit>[], by: ReplicaId): Input {
    return { kind: "decision", decision: this.sign<Decision>({ kind: "decision", replica: by, commits }) };
  }

  /** A valid prepared certificate. */
  certificate(place: Place): PreparedCertificate {
    const primary = this.primaryOf(place.view);
    const backups = this.#all.filter((id) => id !== primary).slice(0, this.quorum - 1);
    return { prePrepare: this.prePrepare(place), prepares: backups.map((id) => this.prepare(place, id)) };
  }

  viewChange(
    view: number,
    by: ReplicaId,
    stable: ViewChange["stable"],
    prepared: readonly PreparedCertificate[],
  ): Verified<Signed<ViewChange>> {
    const sorted = [...prepared].sort((a, b) => a.prePrepare.message.sequence - b.prePrepare.message.sequence);
    const executed = stable[0]?.message.sequence ?? 0 as SequenceNumber;
    const signers = Array.from({ length: faultyAmong(this.n) + 1 }, (_, i) => (by + i) % this.n as ReplicaId);
    const suspicions = signers.sort((a, b) => a - b).map((id) => this.suspicion(view, id, { executed }));
    const said = { replica: by, view: view as View, stable, prepared: sorted, suspicions };
    return this.sign<ViewChange>({ kind: "view-change", ...said });
  }

  /** A view-change that its sender may not send: it has no suspicion but its own. */
  viewChangeAlone(view: number, by: ReplicaId, stable: ViewChange["stable"]): Verified<Signed<ViewChange>> {
    const { message } = this.viewChange(view, by, stable, []);
    return this.sign({ ...message, suspicions: [this.suspicion(view, by)] });
  }

  /** A replica suspects the primary of the view before. */
  suspicion(view: number, by: ReplicaId, said: Partial<Suspicion> = {}): Verified<Signed<Suspicion>> {
    const executed = 0 as SequenceNumber;
    const standing = "suspects";
    return this.sign<Suspicion>({
      kind: "suspicion",
      replica: by,
      view: view as View,
      executed,
      number: 1,
      standing,
      ...said,
    });
  }

  /** The new-view that follows from V, number by number: §4.4, written independently. */
  newView(view: number, viewChanges: readonly Signed<ViewChange>[], by: ReplicaId = this.primaryOf(view)): NewView {
    const low = Math.max(0, ...viewChanges.map(({ message }) => message.stable[0]?.message.sequence ?? 0));
    const prepared = viewChanges.flatMap(({ message }) => message.prepared.map(({ prePrepare }) => prePrepare.message));
    const high = Math.max(low, ...prepared.map(({ sequence }) => sequence));
    const prePrepares = Array.from({ length: high - low }, (_, i) => {
      const sequence = low + 1 + i;
      const own = prepared.filter((one) => one.sequence === sequence).sort((a, b) => b.view - a.view);
      return this.prePrepare({ view, sequence, digest: own[0]?.digest ?? this.empty.digest }, by);
    });
    return { kind: "new-view", replica: by, view: view as View, viewChanges, prePrepares };
  }

  /** The status of a replica. */
  status(by: ReplicaId, status: Partial<Status>): Input {
    const said: Status = { ...newStatus(by), number: ++this.#numbers, ...status };
    return { kind: "status", status: this.sign(said) };
  }

  get #all(): readonly ReplicaId[] {
    return Array.from({ length: this.n }, (_, id) => id as ReplicaId);
  }
}

function typed({ view, sequence, digest }: Place): Pick<PrePrepare, "view" | "sequence" | "digest"> {
  return { view: view as View, sequence: sequence as SequenceNumber, digest };
}

/** The status of a replica that has done nothing yet. */
export function newStatus(replica: number): Status {
  const zero = 0 as SequenceNumber;
  return {
    kind: "status",
    replica: replica as ReplicaId,
    number: 1,
    view: 0 as View,
    phase: "active",
    stable: zero,
    executed: zero,
    votesAbove: zero,
    challenge: 0 as Millis,
    echo: 0 as Millis,
    seen: 0,
    stages: [],
  };
}
