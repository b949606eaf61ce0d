/**
 * Hand-overs: how often correct replicas agree to them, and how often the view is handed over. Replicas that lie could otherwise keep the view
 * moving, with nobody to blame, and keep the others busy with announcements.
 * @module
 */
import type { Genesis, Settings } from "../../../core/config.ts";
import type { Input, Ready } from "../../../core/io.ts";
import type { ReplicaId, View } from "../../../core/messages/ids.ts";
import type { StoredState } from "../../../core/records.ts";
import { faultyAmong, quorumOf } from "../paper.ts";
import type { Report } from "../../violation.ts";

/** Below the 30 s for which a replica that was granted a hand-over is granted no other one: clocks differ. */
const WINDOW_MS = 20_000;

/** The parts of a world that the check needs. */
export interface HandOverOptions {
  readonly genesis: Pick<Genesis, "replicas">;
  readonly settings: Pick<Settings, "statusIntervalMs">;
  /** Its time is on no replica's clock, ms. */
  readonly engine: { readonly now: number };
  readonly report: Report;
}

/** The agreements of one core. */
export interface AgreementsOfCore {
  /** The core has made a step. */
  stepped(input: Input, ready: Ready): void;
}

/** The hand-overs of one epoch. */
export class HandOvers {
  readonly #options: HandOverOptions;
  /** The views for which a correct replica has asked of its own. */
  readonly #asked = new Set<View>();
  /** When a correct replica first left for each view by a hand-over. */
  readonly #handedOver = new Map<View, number>();
  /** When replicas started that do not remember to what they agreed before. */
  readonly #forgetful: number[] = [];

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** Observes a core that starts with this state. */
  core(replica: ReplicaId, { timers }: StoredState): AgreementsOfCore {
    const { genesis: { replicas: { length: n } }, settings: { statusIntervalMs }, report } = this.#options;
    const now = () => this.#options.engine.now;
    if (!timers) this.#forgetful.push(now());
    /** When it announced something, and when it first agreed to each view because others did or asked. */
    let announced: number[] = [];
    const agreed = new Map<View, number>();
    return {
      stepped: (input, { records, events }) => {
        for (const event of events) if (event.kind === "view-change") this.#left(event.view, event.why);
        for (const record of records) {
          if (record.kind !== "suspicion") continue;
          const { view, standing } = record.suspicion.message;
          announced = [...announced.filter((at) => at > now() - statusIntervalMs), now()];
          // For each other replica, and for f + 1 that agree: an agreement, and the suspicion of the primary once more.
          if (announced.length > 2 * n + 4) {
            report(
              "bounds",
              `replica ${replica} makes ${announced.length} announcements within ${statusIntervalMs} ms`,
            );
          }
          if (standing !== "agrees") continue;
          if (input.kind !== "suspicion") this.#asked.add(view);
          else if (!agreed.has(view)) agreed.set(view, now());
          const recent = [...agreed].filter(([view, at]) => at > now() - WINDOW_MS && !this.#asked.has(view));
          // Each other replica may ask for one, and f + 1 that agree for one more.
          if (recent.length <= n) continue;
          report(
            "view-changes",
            `replica ${replica} agrees to ${recent.length} hand-overs within ${WINDOW_MS / 1_000} s`,
          );
        }
      },
    };
  }

  #left(view: View, why: string): void {
    const { genesis: { replicas: { length: n } }, report, engine: { now } } = this.#options;
    if (why !== "handed-over" || this.#handedOver.has(view)) return;
    this.#handedOver.set(view, now);
    const isRecent = (at: number) => at > now - WINDOW_MS;
    const unasked = [...this.#handedOver].filter(([view, at]) => isRecent(at) && !this.#asked.has(view)).length;
    const f = faultyAmong(n);
    // Each correct replica agrees to one of each liar's, and to one more because others do. One that forgets that starts anew.
    const agreements = (n - f + this.#forgetful.filter(isRecent).length) * (f + 1);
    const most = Math.floor(agreements / (quorumOf(n) - f));
    if (unasked <= most) return;
    report(
      "view-changes",
      `${unasked} hand-overs within ${WINDOW_MS / 1_000} s for which no correct replica has asked`,
    );
  }
}
