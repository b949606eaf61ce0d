/** One thing in full: a message, a number, a replica, or the cluster; and a sentence why. */
import { type Arrow, CLIENTS } from "../model/arrows.ts";
import type { ClusterFacts } from "../model/event.ts";
import { type ClusterView, wordFor } from "../model/replica_view.ts";
import { stageOf, whyCluster, whyNumber, whyReplica } from "../model/why.ts";
import { listOf, shortClient } from "../model/words.ts";
import { h } from "./dom.ts";

/** What is chosen. */
export type Chosen =
  | { readonly kind: "arrow"; readonly arrow: Arrow }
  | { readonly kind: "number"; readonly sequence: number }
  | { readonly kind: "lane"; readonly replica: number }
  | null;

/** What each kind of message is for. */
const PURPOSES: Readonly<Record<string, string>> = {
  request: "A client asks for an operation.",
  "gateway-request": "A replica vouches for operations of clients without keys.",
  "pre-prepare": "The primary gives a batch its number.",
  prepare: "A backup has accepted that proposal. A quorum of these: no other batch can have this number in this view.",
  commit: "The batch is prepared at its sender. A quorum of these: the number is decided, whatever view comes next.",
  reply: "The result. f + 1 equal ones prove it to a client.",
  checkpoint:
    "Its sender has this state after that number. A quorum of these makes it stable, and the log before it is forgotten.",
  suspicion: "Its sender wants the next view, and says so before it leaves.",
  "view-change": "Its sender leaves for a view, and shows what has prepared.",
  "new-view": "The new primary starts its view, and proves from a quorum of view-changes what must be proposed again.",
  status: "How far its sender is, so that the others can send what it lacks.",
  fetch: "Its sender asks for content by digest.",
  blobs: "The content; its digest proves it.",
  decision: "A quorum of commits, for a replica that is behind.",
  "stable-checkpoint": "The proof of a stable checkpoint, for a replica that is behind.",
  query: "A client reads without ordering.",
};

/** The inspector. */
export class Inspector {
  readonly element: HTMLElement;
  readonly #body: HTMLElement;
  #shown = "";

  constructor() {
    this.#body = h("div", { class: "facts", "aria-live": "polite" });
    this.element = h("section", { class: "panel inspector", "aria-label": "Inspector", tabindex: "0" }, this.#body);
  }

  draw(view: ClusterView, chosen: Chosen, timeText: (at: number) => string, apartMs: number): void {
    const { title, why, rows, more } = contentOf(view, chosen, timeText, apartMs);
    const shown = JSON.stringify([title, why, rows, more]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#body.replaceChildren(
      h("h2", {}, title),
      h("p", { class: "why" }, why),
      h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      ...(more.length === 0
        ? []
        : [h("details", {}, h("summary", {}, "bytes"), ...more.map((text) => h("p", { class: "mono" }, text)))]),
    );
  }
}

interface Content {
  readonly title: string;
  readonly why: string;
  readonly rows: readonly (readonly [string, string])[];
  readonly more: readonly string[];
}

function contentOf(view: ClusterView, chosen: Chosen, timeText: (at: number) => string, apartMs: number): Content {
  switch (chosen?.kind) {
    case "arrow":
      return ofArrow(view, chosen.arrow, timeText);
    case "number":
      return ofNumber(view, chosen.sequence);
    case "lane":
      return ofLane(view, chosen.replica);
    default:
      return ofCluster(view, apartMs);
  }
}

function ofArrow(view: ClusterView, arrow: Arrow, timeText: (at: number) => string): Content {
  const { facts } = view;
  const { message, sentAt, takenAt } = arrow;
  const end = arrow.refused !== undefined
    ? `It was refused: ${arrow.refused}.`
    : takenAt === null
    ? "It has not arrived."
    : sentAt === null && arrow.from !== CLIENTS
    ? "Nobody has told that it was sent: its sender is not heard, or lies."
    : message.sequence !== undefined && ["pre-prepare", "prepare", "commit"].includes(message.kind)
    ? whyNumber(view, message.sequence)
    : "";
  const took = sentAt === null || takenAt === null ? [] : [["took", `${(takenAt - sentAt).toFixed(2)} ms`] as const];
  return {
    title: `${message.kind}${message.sequence === undefined ? "" : ` ${message.sequence}`}`,
    why: [PURPOSES[message.kind] ?? "", end].filter(Boolean).join(" "),
    rows: [
      ["from", laneName(facts, arrow.from, arrow.client)],
      ["to", laneName(facts, arrow.to, arrow.client)],
      ...(message.view === undefined ? [] : [["view", `${message.view}`] as const]),
      ...(message.operations === undefined ? [] : [["operations", `${message.operations}`] as const]),
      ...(message.payload ?? []).map(({ client, operation }) => [shortClient(client), operation] as const),
      ...(sentAt === null ? [] : [["sent", timeText(sentAt)] as const]),
      ...(takenAt === null ? [] : [["arrived", timeText(takenAt)] as const]),
      ...took,
    ],
    more: [
      `${message.bytes} bytes`,
      `frame ${message.id}…`,
      ...(message.digest === undefined ? [] : [`digest ${message.digest}…`]),
    ],
  };
}

function ofNumber(view: ClusterView, sequence: number): Content {
  const { facts: { members, quorum }, replicas } = view;
  return {
    title: `Number ${sequence}`,
    why: whyNumber(view, sequence),
    rows: replicas.map((replica, id) => {
      const cell = replica.cells.get(sequence);
      const stage = stageOf(replica, sequence) ?? "nothing yet";
      const votes = cell && stage !== "executed"
        ? `, prepares ${cell.prepares.size} of ${quorum - 1}, commits ${cell.commits.size} of ${quorum}`
        : "";
      return [members[id]!, `${stage}${votes}`] as const;
    }),
    more: replicas.flatMap((replica, id) => {
      const cell = replica.cells.get(sequence);
      const names = (votes: ReadonlySet<number>) => listOf([...votes].sort().map((vote) => members[vote]!)) || "nobody";
      return cell ? [`${members[id]}: prepares of ${names(cell.prepares)}; commits of ${names(cell.commits)}`] : [];
    }),
  };
}

function ofLane(view: ClusterView, id: number): Content {
  const { facts: { members }, replicas } = view;
  const replica = replicas[id]!;
  return {
    title: members[id]!,
    why: whyReplica(view, id),
    rows: [
      ["state", wordFor(replica)],
      ["view", `${replica.view}${replica.active ? "" : ", not started"}`],
      ["executed", `${replica.executed}`],
      ["watermarks", `${replica.low} to ${replica.high}`],
      [
        "open numbers",
        `${[...replica.cells].filter(([n, { stage }]) => n > replica.executed && stage !== null).length}`,
      ],
    ],
    more: [],
  };
}

function ofCluster(view: ClusterView, apartMs: number): Content {
  const { facts: { name, members, quorum, faulty } } = view;
  return {
    title: name,
    why: whyCluster(view),
    rows: [
      ["members", members.join(", ")],
      ["quorum", `${quorum} of ${members.length}`],
      ["may fail", `${faulty}`],
      ...(apartMs >= 0.05 ? [["clocks", `up to ${apartMs.toFixed(2)} ms apart, corrected here`] as const] : []),
    ],
    more: [],
  };
}

function laneName({ members }: ClusterFacts, lane: number, client: string | undefined): string {
  return lane === CLIENTS ? shortClient(client ?? "a client") : members[lane] ?? `replica ${lane}`;
}
