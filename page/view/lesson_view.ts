/** The sentences of a lesson, above the diagram. */
import type { LessonPlayer } from "../lessons/lesson_player.ts";
import { h, setText } from "./dom.ts";

/** The panel. */
export class LessonView {
  readonly element: HTMLElement;
  readonly #title = h("h2", {});
  readonly #text = h("p", { class: "lesson-text", "aria-live": "polite" });
  readonly #place = h("span", { class: "hint" });
  readonly #back: HTMLButtonElement;
  readonly #next: HTMLButtonElement;

  constructor(on: { readonly back: () => void; readonly next: () => void }) {
    this.#back = h("button", { type: "button", click: on.back }, "Back");
    this.#next = h("button", { type: "button", class: "main", click: on.next }, "Next");
    this.element = h(
      "section",
      { class: "lesson", "aria-label": "Lesson", hidden: true },
      h("div", { class: "lesson-head" }, this.#title, this.#place),
      this.#text,
      h("div", { class: "inline" }, this.#back, this.#next),
    );
  }

  /** `next`: the title of the lesson after this one; `null`: this is the last one. */
  draw(player: LessonPlayer | null, next: string | null): void {
    this.element.hidden = player === null;
    if (!player) return;
    setText(this.#title, player.lesson.title);
    setText(this.#place, `${player.index + 1} of ${player.length}`);
    setText(this.#text, player.step.text);
    this.#back.disabled = player.index === 0;
    setText(this.#next, !player.isLast ? "Next" : next === null ? "Play yourself" : `Next lesson: ${next}`);
  }
}
