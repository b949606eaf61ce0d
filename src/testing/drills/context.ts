/**
 * A drill's context: a copy of a replica, the others as the drill has them act, and what both can be brought to.
 * @module
 */
import type { Digest, Millis, ReplicaId } from "../../core/messages/ids.ts";
import type { Input } from "../../core/io.ts";
import type { Batch, Commit, PreparedCertificate, Signed, Verified, ViewChange } from "../../core/messages/messages.ts";
import type { Recovered } from "../../core/records.ts";
import type { Report } from "../violation.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";
import type { Peers, Place } from "./peers.ts";
import { type Copy, type Heard, ofKind } from "./copy.ts";

/** What a context is made of. */
export interface SceneOptions {
  readonly world: World;
  readonly random: Random;
  readonly copy: Copy;
  readonly peers: Peers;
  readonly recovered: Recovered;
  readonly report: Report;
  /** Another copy, read from another store. */
  readonly copyOf: (recovered: Recovered) => Copy;
}

/** The replica is not in a state in which a drill could be held. */
export class NotNow extends Error {}

/** One drill's. */
export class DrillContext {
  readonly world: World;
  readonly random: Random;
  readonly copy: Copy;
  readonly peers: Peers;
  readonly recovered: Recovered;
  readonly copyOf: (recovered: Recovered) => Copy;
  readonly #report: Report;

  constructor({ world, random, copy, peers, recovered, report, copyOf }: SceneOptions) {
    this.world = world;
    this.random = random;
    this.copy = copy;
    this.peers = peers;
    this.recovered = recovered;
    this.copyOf = copyOf;
    this.#report = report;
  }

  /** Where this does not hold another drill is held. @throws {NotNow} */
  needs(fits: boolean): void {
    if (!fits) throw new NotNow();
  }

  /** Reports unless it holds. */
  demand(invariant: Parameters<Report>[0], holds: boolean, otherwise: () => string): void {
    if (!holds) this.#report(invariant, otherwise());
  }

  /** Whether it votes and nothing is open: no request, no number, no state that is being fetched. */
  get isQuiet(): boolean {
    const { view, pendingRequests, transferring, hasLostDisk, lastExecuted, slots } = this.copy.status;
    const isOpen = slots.some(({ sequence, stage, commits }) =>
      sequence > lastExecuted && (stage !== "idle" || commits > 0)
    );
    return !isOpen && view === this.latestView && pendingRequests === 0 && !transferring && !hasLostDisk &&
      lastExecuted === this.next - 1;
  }

  /** The others decide what it has accepted. False: it can't be brought to where nothing is open, or they have decided something already. */
  quieten(): boolean {
    const { copy, peers, next } = this;
    if (copy.settled > copy.status.lastExecuted) return false;
    for (let { lastExecuted } = copy.status; lastExecuted + 1 < next; lastExecuted++) {
      const place = copy.accepted.get(lastExecuted + 1);
      if (!place || copy.status.hasLostDisk) return false;
      if (copy.status.lastExecuted === lastExecuted) copy.take(peers.decision(this.commits(place), copy.others[0]!));
    }
    return this.isQuiet;
  }

  /** Whether a view change can be played: nothing is decided that it can't have executed. */
  get isWhole(): boolean {
    const { transferring, hasLostDisk, lastExecuted, slots } = this.copy.status;
    return !transferring && !hasLostDisk &&
      !slots.some(({ sequence, stage }) => sequence > lastExecuted && stage === "committed");
  }

  /** The first number of which it knows nothing. */
  get next(): number {
    const { lastExecuted, lowWatermark, slots } = this.copy.status;
    return Math.max(lastExecuted, lowWatermark, ...slots.map(({ sequence }) => sequence)) + 1;
  }

  /** So many numbers above that are within the window. */
  get room(): number {
    return this.copy.status.highWatermark - this.next + 1;
  }

  /** A batch that nobody has seen. */
  batch(requests = [this.peers.request()]): Verified<Batch> {
    return this.peers.batch(Math.floor(this.copy.now), requests);
  }

  /** Its body, as an answer to whoever asks for it. */
  body(batch: Verified<Batch>): Input {
    const { digest, bytes } = batch;
    return { kind: "blobs", from: this.copy.others[0]!, blobs: [{ digest, bytes, batch }] };
  }

  /** For each number that is decided above the low watermark, a certificate: a quorum's view-changes can't be without. */
  decidedBefore(view: number): readonly PreparedCertificate[] {
    return [...this.copy.decided.values()].filter((commit) => commit.view < view).map((commit) =>
      this.peers.certificate(commit)
    );
  }

  /** View-changes of the others for a view. `more`: what each of them has prepared besides. */
  viewChanges(
    view: number,
    more: (replica: ReplicaId) => readonly PreparedCertificate[] = () => [],
  ): Verified<Signed<ViewChange>>[] {
    const decided = this.decidedBefore(view);
    return this.copy.others.map((replica) =>
      this.peers.viewChange(view, replica, this.copy.stable, [...decided, ...more(replica)])
    );
  }

  /** The highest view of which it has seen the work: others may be in it already. */
  get latestView(): number {
    return Math.max(this.copy.status.view, ...[...this.copy.decided.values()].map(({ view }) => view));
  }

  /** The first view above that with such a primary. */
  viewAfter(isRight: (primary: ReplicaId) => boolean, least: number = this.latestView + 1): number {
    let view = least;
    while (!isRight(this.peers.primaryOf(view))) view++;
    return view;
  }

  /** Makes it a backup in a view that has started; false: it could not be. */
  becomeBackup(): boolean {
    const { copy } = this;
    return (copy.status.active && copy.status.primary !== copy.self) || this.moveOn();
  }

  /** Brings it into a higher view, as a backup; false: it could not be. */
  moveOn(): boolean {
    const { copy, peers } = this;
    if (!this.isWhole) return false;
    const view = this.viewAfter((primary) => primary !== copy.self);
    const viewChanges = this.viewChanges(view).slice(0, copy.quorum);
    copy.take({ kind: "new-view", newView: peers.sign(peers.newView(view, viewChanges)) });
    return this.hasEntered(view);
  }

  /** Whether it is in the view whose new-view it got, as it has to be. If not: is it what that orders, or that it comes at all? */
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

  /** Makes it the primary of a view that has started; false: it could not be. */
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

  /** These others leave. */
  leaveFor(viewChanges: readonly Verified<Signed<ViewChange>>[]): void {
    for (const viewChange of viewChanges) this.copy.take({ kind: "view-change", viewChange });
  }

  /** Lets time pass, and f other backups say whatever it says of its primary: with them it may leave. A primary that is heard is given time. */
  waitInCompany(ms: number, isDone: () => boolean = () => false): number {
    let number = 1_000_000;
    return this.copy.wait(ms, () => {
      const own = this.copy.suspicion;
      if (own?.standing === "suspects" && own.view === this.copy.status.view + 1) {
        const { view, executed } = own;
        const backups = this.copy.others.filter((id) => id !== this.copy.status.primary);
        for (const id of backups.slice(0, this.copy.f)) {
          const suspicion = this.peers.suspicion(view, id, { executed, number: ++number });
          this.copy.take({ kind: "suspicion", suspicion });
        }
      }
      return isDone();
    });
  }

  /** As a backup it gets what the primary has to say. */
  propose(place: Place, batch: Verified<Batch>): Heard {
    return this.copy.during(() =>
      this.copy.take({ kind: "pre-prepare", prePrepare: this.peers.prePrepare(place), batch })
    );
  }

  /** Commits of a quorum of others. */
  commits(place: Place): readonly Verified<Signed<Commit>>[] {
    return this.copy.others.slice(0, this.copy.quorum).map((id) => this.peers.commit(place, id));
  }

  /** The others order this in the next number, or in that one, and it hears of all that. */
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

  /** A request comes from its client. */
  request(): Input & { readonly kind: "request" } {
    const input = { kind: "request", request: this.peers.request() } as const;
    this.copy.take(input);
    return input;
  }

  /** A digest of nothing. */
  anyDigest(): Digest {
    return this.world.crypto.hash(new Uint8Array([this.random.int(0, 255), this.random.int(0, 255)]));
  }

  /** Its clock, ms. */
  get now(): Millis {
    return Math.floor(this.copy.now) as Millis;
  }
}
