/** The list of keys. */
import { h } from "./dom.ts";

/** Each key and what it does. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["space", "pause, go on"],
  ["← →", "one event back, one on"],
  ["shift ← →", "one number back, one on"],
  ["+ -", "faster, slower"],
  ["0", "live: what happens now"],
  ["/", "find a number"],
  ["1 … 9", "choose a replica"],
  ["k", "stop or start it"],
  ["p", "pause or resume it"],
  ["c", "cut it off, or join it again"],
  ["l", "make it lie (simulated)"],
  ["r", "send the request again"],
  ["s", "show or hide statuses"],
  ["n", "on in a lesson"],
  ["Esc", "choose nothing"],
  ["?", "this list"],
];

/** The dialog. */
export class Help {
  readonly element: HTMLDialogElement;

  constructor() {
    this.element = h(
      "dialog",
      { "aria-labelledby": "keys" },
      h("h2", { id: "keys" }, "Keys"),
      h("dl", { class: "keys" }, ...KEYS.flatMap(([keys, what]) => [h("dt", {}, keys), h("dd", {}, what)])),
      h("form", { method: "dialog" }, h("button", { type: "submit" }, "Close")),
    );
  }

  show(): void {
    if (!this.element.open) this.element.showModal();
  }
}
