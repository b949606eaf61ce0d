/**
 * Votes that a correct replica leaves unverified: each agrees with what the replica itself has prepared, or has decided,
 * in the same view. Otherwise the vote could still be needed, or be evidence.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Ready } from "../../core/io.ts";
import type { Commit, Decision, Prepare } from "../../core/messages/messages.ts";
import type { StoredState } from "../../core/records.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { Coverage } from "../coverage.ts";
import type { Report } from "../violation.ts";

/** What one core has prepared and decided. */
export class UnreadVotes {
  readonly #replica: ReplicaId;
  readonly #world: { readonly report: Report; readonly coverage: Coverage };
  /** Keys `prepare view/number/digest`, and `commit view/number`. */
  readonly #settled = new Set<string>();
  /** What it has executed. */
  readonly #executed = new Map<number, Digest>();
  readonly #decidedNumbers = new Set<number>();
  /** Its low watermark. */
  #through: number;

  /** `storedState`: what the core starts with. */
  constructor(
    world: { readonly report: Report; readonly coverage: Coverage; readonly epoch: Pick<Epoch, "start"> },
    replica: ReplicaId,
    { prepared, committed, stable }: StoredState,
  ) {
    this.#through = stable[0]?.message.sequence ?? world.epoch.start?.sequence ?? 0;
    this.#world = world;
    this.#replica = replica;
    for (const { prePrepare } of prepared) this.#prepared(prePrepare.message);
    for (const { sequence, commits, batch } of committed) {
      this.#executed.set(sequence, batch.digest);
      if (commits[0]) this.#decided(commits[0].message);
    }
  }

  /** The core has made a step. */
  stepped({ records, events }: Ready): void {
    for (const record of records) {
      if (record.kind === "prepared") this.#prepared(record.prePrepare.message);
      if (record.kind === "forget") this.#through = record.through;
      if (record.kind === "committed") this.#executed.set(record.sequence, record.digest);
    }
    for (const event of events) if (event.kind === "stage" && event.stage === "committed") this.#decided(event);
  }

  /** The core says that this vote may be left unverified. */
  left(vote: Prepare | Commit | Decision): void {
    const { coverage, report } = this.#world;
    if (vote.kind === "decision") return this.#leftDecision(vote);
    const { kind, view, sequence, digest } = vote;
    coverage.count("host", "vote left unread");
    const place = `${view}/${sequence}`;
    const isSettled = this.#settled.has(kind === "prepare" ? `prepare ${place}/${digest}` : `commit ${place}`);
    if (isSettled && (kind === "prepare" || (this.#executed.get(sequence) ?? digest) === digest)) return;
    report("certificates", `replica ${this.#replica} leaves a ${kind} for ${place}, ${digest}, unread`);
  }

  /** Its number must be decided here already, or lie behind the last stable checkpoint. */
  #leftDecision({ commits }: Decision): void {
    const { coverage, report } = this.#world;
    coverage.count("host", "decision left unread");
    const sequence = commits[0]!.message.sequence;
    if (sequence <= this.#through || this.#executed.has(sequence) || this.#decidedNumbers.has(sequence)) return;
    report("certificates", `replica ${this.#replica} leaves the decision of ${sequence}, which it needs, unread`);
  }

  #prepared({ view, sequence, digest }: Pick<Prepare, "view" | "sequence" | "digest">): void {
    this.#settled.add(`prepare ${view}/${sequence}/${digest}`);
  }

  #decided({ view, sequence }: Pick<Commit, "view" | "sequence">): void {
    this.#settled.add(`commit ${view}/${sequence}`);
    this.#decidedNumbers.add(sequence);
  }
}
