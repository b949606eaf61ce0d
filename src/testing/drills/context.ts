/**
 * The context of a drill: the copy of a replica, the simulated others, and the situations that both can be brought
 * into.
 * @module
 */
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { Input } from "../../core/io.ts";
import type { Batch, Commit, PreparedCertificate, Signed, Verified, ViewChange } from "../../core/messages/messages.ts";
import type { StoredState } from "../../core/records.ts";
import type { Report } from "../violation.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";
import type { Peers, Place } from "./peers.ts";
import { type Copy, type Heard, ofKind } from "./copy.ts";

/** The parts of a context. */
export interface SceneOptions {
  readonly world: World;
  readonly random: Random;
  readonly copy: Copy;
  readonly peers: Peers;
  readonly storedState: StoredState;
  readonly report: Report;
  /** Makes another copy, read from another store. */
  readonly copyOf: (storedState: StoredState) => Copy;
}

/** The replica is not in a state in which this drill could be held. */
export class NotNow extends Error {}

/** The context of one drill. */
export class DrillContext {
  readonly world: World;
  readonly random: Random;
  readonly copy: Copy;
  readonly peers: Peers;
  readonly storedState: StoredState;
  readonly copyOf: (storedState: StoredState) => Copy;
  readonly #report: Report;

  constructor({ world, random, copy, peers, storedState, report, copyOf }: SceneOptions) {
    this.world = world;
    this.random = random;
    this.copy = copy;
    this.peers = peers;
    this.storedState = storedState;
    this.copyOf = copyOf;
    this.#report = report;
  }

  /** Holds another drill if this is false. @throws {NotNow} */
  needs(fits: boolean): void {
    if (!fits) throw new NotNow();
  }

  /** Reports the flaw if this is false. */
  demand(invariant: Parameters<Report>[0], holds: boolean, otherwise: () => string): void {
    if (!holds) this.#report(invariant, otherwise());
  }

  /** Whether it votes and nothing is open: no request, no number, no state transfer. */
  get isQuiet(): boolean {
    const { view, pendingRequests, transferring, recovering, lastExecuted, slots } = this.copy.status;
    const isOpen = slots.some(({ sequence, stage, commits }) =>
      sequence > lastExecuted && (stage !== "idle" || commits > 0)
    );
    return !isOpen && view === this.latestView && pendingRequests === 0 && !transferring && !recovering &&
      lastExecuted === this.next - 1;
  }

  /** The others decide the batches that it has accepted. Returns false if something stays open, or the others have decided it already. */
  quieten(): boolean {
    const { copy, peers, next } = this;
    if (copy.settled > copy.status.lastExecuted) return false;
    for (let { lastExecuted } = copy.status; lastExecuted + 1 < next; lastExecuted++) {
      const place = copy.accepted.get(lastExecuted + 1);
      const { active, view, recovering } = copy.status;
      // A view that has started carries over all that was decided before: what it does not have here may be another batch, whose body is missing.
      if (!place || recovering || (active && place.view < view)) return false;
      if (copy.status.lastExecuted === lastExecuted) copy.take(peers.decision(this.commits(place), copy.others[0]!));
    }
    return this.isQuiet;
  }

  /** Whether a view change can be simulated: every decided number can be executed by it. */
  get isWhole(): boolean {
    const { transferring, recovering, lastExecuted, slots } = this.copy.status;
    return !transferring && !recovering &&
      !slots.some(({ sequence, stage }) => sequence > lastExecuted && stage === "committed");
  }

  /** The first number of which it knows nothing. */
  get next(): number {
    const { lastExecuted, lowWatermark, slots } = this.copy.status;
    return Math.max(lastExecuted, lowWatermark, ...slots.map(({ sequence }) => sequence)) + 1;
  }

  /** This number that far above, within the window. */
  get room(): number {
    return this.copy.status.highWatermark - this.next + 1;
  }

  /** A batch that nobody has seen. */
  batch(requests = [this.peers.request()]): Verified<Batch> {
    return this.peers.batch(Math.floor(this.copy.now), requests);
  }

  /** Its body, as the answer to a fetch. */
  body(batch: Verified<Batch>): Input {
    const { digest, bytes } = batch;
    return { kind: "blobs", from: this.copy.others[0]!, blobs: [{ digest, bytes, batch }] };
  }

  /** A certificate for each decided number above the low watermark. A quorum's view-changes must contain these. */
  decidedBefore(view: number): readonly PreparedCertificate[] {
    return [...this.copy.decided.values()].filter((commit) => commit.view < view).map((commit) =>
      this.peers.certificate(commit)
    );
  }

  /** View-changes of the others for a view. `more`: additional prepared certificates of each. */
  viewChanges(
    view: number,
    more: (replica: ReplicaId) => readonly PreparedCertificate[] = () => [],
  ): Verified<Signed<ViewChange>>[] {
    const decided = this.decidedBefore(view);
    return this.copy.others.map((replica) =>
      this.peers.viewChange(view, replica, this.copy.stable, [...decided, ...more(replica)])
    );
  }

  /** The highest view from which it has seen messages. Others may be in it already. */
  get latestView(): number {
    return Math.max(this.copy.status.view, ...[...this.copy.decided.values()].map(({ view }) => view));
  }

  /** The first view above that with such a primary. */
  viewAfter(isRight: (primary: ReplicaId) => boolean, least: number = this.latestView + 1): number {
    let view = least;
    while (!isRight(this.peers.primaryOf(view))) view++;
    return view;
  }

  /** Makes it a backup in a view that has started; false: impossible now. */
  becomeBackup(): boolean {
    const { copy } = this;
    return (copy.status.active && copy.status.primary !== copy.self) || this.moveOn();
  }

  /** Brings it into a higher view, as a backup; false: impossible now. */
  moveOn(): boolean {
    const { copy, peers } = this;
    if (!this.isWhole) return false;
    const view = this.viewAfter((primary) => primary !== copy.self);
    const viewChanges = this.viewChanges(view).slice(0, copy.quorum);
    copy.take({ kind: "new-view", newView: peers.sign(peers.newView(view, viewChanges)) });
    return this.hasEntered(view);
  }

  /** Whether it is in the view of its new-view, as it must be. If not: is the cause the contents of the new-view, or its coming? */
  hasEntered(view: number): boolean {
    const { copy, peers } = this;
    const isIn = (wanted: number) => copy.status.view === wanted && copy.status.active;
    if (isIn(view)) return true;
    const now = copy.status.view;
    const next = this.viewAfter((primary) => primary !== copy.self, view + 1);
    const viewChanges = copy.others.slice(0, copy.quorum).map((id) => peers.viewChange(next, id, copy.stable, []));
    copy.take({ kind: "new-view", newView: peers.sign(peers.newView(next, viewChanges)) });
    this.demand(isIn(next) ? "carry-over" : "liveness", false, () => {
      return `does not enter view ${view} by its new-view, it is in ${now}`;
    });
    return false;
  }

  /** Makes it the primary of a view that has started; false: impossible now. */
  becomePrimary(): boolean {
    const { copy } = this;
    if (copy.status.active && copy.status.primary === copy.self) return true;
    if (!this.isWhole) return false;
    const view = this.viewAfter((primary) => primary === copy.self);
    const heard = copy.during(() => this.leaveFor(this.viewChanges(view)));
    this.demand(
      "liveness",
      ofKind(heard, "new-view").some(({ signed }) => signed.message.view === view),
      () => `has ${copy.quorum} view-changes for ${view}, whose primary it is, and sends no new-view`,
    );
    return copy.status.active && copy.status.view === view;
  }

  /** These others leave the view. */
  leaveFor(viewChanges: readonly Verified<Signed<ViewChange>>[]): void {
    for (const viewChange of viewChanges) this.copy.take({ kind: "view-change", viewChange });
  }

  /**
   * Lets time pass, while f other backups repeat its suspicions of its primary. With them it may leave. A primary that
   * is heard gets more time.
   */
  waitInCompany(ms: number, isDone: () => boolean = () => false): number {
    let number = 1_000_000;
    return this.copy.wait(ms, () => {
      const own = this.copy.suspicion;
      if (own?.standing === "suspects" && own.view === this.copy.status.view + 1) {
        const { view, executed } = own;
        const backups = this.copy.others.filter((id) => id !== this.copy.status.primary);
        // Prefer those whose last suspicion has a low number: after a liar's high number nothing counts.
        const known = (id: ReplicaId) => this.copy.suspicionsKept.get(id) ?? 0;
        const company = [...backups].sort((one, other) => known(one) - known(other)).slice(0, this.copy.f);
        for (const id of company) {
          const suspicion = this.peers.suspicion(view, id, { executed, number: ++number });
          this.copy.take({ kind: "suspicion", suspicion });
        }
      }
      return isDone();
    });
  }

  /** As a backup it receives the messages of the primary. */
  propose(place: Place, batch: Verified<Batch>): Heard {
    return this.copy.during(() =>
      this.copy.take({ kind: "pre-prepare", prePrepare: this.peers.prePrepare(place), batch })
    );
  }

  /** Commits of a quorum of others. */
  commits(place: Place): readonly Verified<Signed<Commit>>[] {
    return this.copy.others.slice(0, this.copy.quorum).map((id) => this.peers.commit(place, id));
  }

  /** The others order this batch at the next number, or at the given one, and it receives all their messages. */
  order(batch: Verified<Batch>, sequence: number = this.next): Heard {
    const { copy } = this;
    const place = { view: copy.status.view, sequence, digest: batch.digest };
    return copy.during(() => {
      copy.take({ kind: "pre-prepare", prePrepare: this.peers.prePrepare(place), batch });
      for (const commit of this.commits(place)) copy.take({ kind: "commit", commit });
      const { lastExecuted } = copy.status;
      this.demand("liveness", lastExecuted >= sequence, () => {
        return `has the body of ${sequence} and a quorum of commits, and has executed up to ${lastExecuted}`;
      });
      this.stabilize();
    });
  }

  /** Its last checkpoint becomes stable, unless it is. */
  stabilize(): void {
    const { copy, peers } = this;
    const { taken } = copy;
    if (!taken || taken.sequence <= copy.status.lowWatermark) return;
    for (const id of copy.others) {
      const checkpoint = peers.checkpoint(taken.sequence, taken.root, id);
      if (copy.status.lowWatermark < taken.sequence) copy.take({ kind: "checkpoint", checkpoint });
    }
    const { lowWatermark } = copy.status;
    this.demand("liveness", lowWatermark === taken.sequence, () => {
      return `has equal checkpoints of everybody at ${taken.sequence}, its low watermark is ${lowWatermark}`;
    });
  }

  /** A request arrives from its client. */
  request(): Input & { readonly kind: "request" } {
    const input = { kind: "request", request: this.peers.request() } as const;
    this.copy.take(input);
    return input;
  }

  /** An arbitrary digest. */
  anyDigest(): Digest {
    return this.world.crypto.hash(new Uint8Array([this.random.int(0, 255), this.random.int(0, 255)]));
  }

  /** Its clock, ms. */
  get now(): Millis {
    return Math.floor(this.copy.now) as Millis;
  }
}
