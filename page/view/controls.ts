/** The bar and the controls of the player. */
import type { ClusterView } from "../model/replica_view.ts";
import { leaderOf } from "../model/replica_view.ts";
import { type Player, SPEEDS } from "../model/player.ts";
import { h, setAttribute, setText } from "./dom.ts";

/** What the controls do. */
export interface ControlHandlers {
  readonly toggle: () => void;
  readonly step: (by: 1 | -1) => void;
  readonly live: () => void;
  readonly speed: (speed: number) => void;
  readonly seek: (part: number) => void;
  readonly find: (sequence: number) => void;
  readonly statuses: (isShown: boolean) => void;
  readonly share: () => void;
  readonly help: () => void;
  readonly feed: (name: string) => void;
}

/** Where events may come from. */
export interface FeedChoice {
  readonly id: string;
  readonly name: string;
  readonly isLesson?: boolean;
}

/** The bar above everything. */
export class Controls {
  readonly element: HTMLElement;
  readonly #summary: HTMLElement;
  readonly #play: HTMLButtonElement;
  readonly #live: HTMLButtonElement;
  readonly #speed: HTMLSelectElement;
  readonly #slider: HTMLInputElement;
  readonly #time: HTMLElement;
  readonly #find: HTMLInputElement;
  readonly #feed: HTMLSelectElement;
  readonly #share: HTMLButtonElement;

  constructor(on: ControlHandlers) {
    const button = (text: string, label: string, click: () => void) =>
      h("button", { type: "button", "aria-label": label, title: label, click }, text);
    this.#summary = h("p", { class: "summary" });
    this.#play = button("❚❚", "Pause (space)", on.toggle);
    this.#live = button("Live", "Go to what happens now", on.live);
    this.#speed = h(
      "select",
      { "aria-label": "Speed (+ and -)", change: () => on.speed(Number(this.#speed.value)) },
      ...SPEEDS.map((speed) =>
        h("option", { value: `${speed}` }, speed < 1 ? `1/${Math.round(1 / speed)}` : `× ${speed}`)
      ),
    );
    this.#slider = h("input", {
      type: "range",
      min: "0",
      max: "1000",
      value: "1000",
      "aria-label": "Time",
      class: "slider",
      input: () => on.seek(Number(this.#slider.value) / 1_000),
    });
    this.#time = h("output", { class: "time-now" });
    this.#find = h("input", {
      type: "text",
      inputmode: "numeric",
      size: "6",
      "aria-label": "Find a number (/)",
      placeholder: "number",
    });
    this.#feed = h("select", { "aria-label": "Where the events come from", change: () => on.feed(this.#feed.value) });
    this.#share = button("Share", "Copy a link to this", on.share);
    const form = h(
      "form",
      {
        class: "find",
        role: "search",
        submit: (event: Event) => {
          event.preventDefault();
          const sequence = Number(this.#find.value.trim());
          if (Number.isSafeInteger(sequence) && sequence > 0) on.find(sequence);
        },
      },
      this.#find,
      h("button", { type: "submit" }, "Find"),
    );
    const statuses = h("input", { type: "checkbox", id: "statuses", change: () => on.statuses(statuses.checked) });
    this.element = h(
      "header",
      {},
      h(
        "div",
        { class: "bar" },
        h("h1", {}, "pbft"),
        this.#summary,
        h("span", { class: "grow" }),
        this.#feed,
        this.#share,
        button("?", "Keys (?)", on.help),
      ),
      h(
        "div",
        { class: "bar player", role: "toolbar", "aria-label": "Playback" },
        this.#play,
        button("◀❙", "Step back (←)", () => on.step(-1)),
        button("❙▶", "Step (→)", () => on.step(1)),
        h("label", { class: "inline" }, "speed", this.#speed),
        this.#live,
        this.#slider,
        this.#time,
        form,
        h("label", { class: "inline", for: "statuses" }, statuses, "statuses"),
      ),
    );
  }

  /** Puts the cursor into the field for a number. */
  focusFind(): void {
    this.#find.focus();
    this.#find.select();
  }

  setFeeds(feeds: readonly FeedChoice[], current: string): void {
    const option = ({ id, name }: FeedChoice) => h("option", { value: id }, name);
    const lessons = feeds.filter(({ isLesson }) => isLesson);
    this.#feed.replaceChildren(
      ...feeds.filter(({ isLesson }) => !isLesson).map(option),
      ...(lessons.length > 0 ? [h("optgroup", { label: "Lessons" }, ...lessons.map(option))] : []),
    );
    this.#feed.hidden = feeds.length < 2;
    this.#feed.value = current;
  }

  draw(
    view: ClusterView | null,
    player: Player,
    { timeText, part, canShare }: { readonly timeText: string; readonly part: number; readonly canShare: boolean },
  ): void {
    setText(this.#play, player.isPlaying ? "❚❚" : "▶");
    setAttribute(this.#play, "aria-label", player.isPlaying ? "Pause (space)" : "Play (space)");
    setAttribute(this.#play, "title", player.isPlaying ? "Pause (space)" : "Play (space)");
    this.#live.hidden = !player.isLive;
    setAttribute(this.#live, "aria-pressed", `${player.follows}`);
    this.#share.hidden = !canShare;
    if (this.#speed.value !== `${player.speed}`) this.#speed.value = `${player.speed}`;
    if (document.activeElement !== this.#slider || player.isPlaying) this.#slider.value = `${Math.round(1_000 * part)}`;
    setText(this.#time, timeText);
    setAttribute(this.#slider, "aria-valuetext", timeText);
    if (!view) return setText(this.#summary, "waiting for the first event");
    const { facts: { name, members, quorum, faulty } } = view;
    const { view: number, primary } = leaderOf(view);
    setText(
      this.#summary,
      `${name} · view ${number} · primary ${members[primary]} · quorum ${quorum} of ${members.length} · f = ${faulty}`,
    );
  }
}
