/** Asks for a seed. */
import { KINDS_HINT, PROFILE_NAMES } from "../simulator/names.ts";
import type { LinkedRun } from "../../src/page/link.ts";
import { h } from "./dom.ts";

/** The dialog. */
export class SeedDialog {
  readonly element: HTMLDialogElement;
  readonly #seed: HTMLInputElement;
  readonly #profile: HTMLSelectElement;
  readonly #replicas: HTMLSelectElement;

  constructor(onSeed: (run: LinkedRun) => void) {
    this.#seed = h("input", {
      type: "text",
      id: "seed",
      inputmode: "numeric",
      value: "7",
      maxlength: "15",
      required: true,
    });
    this.#seed.pattern = "[0-9]{1,15}";
    this.#profile = h("select", { id: "profile" }, ...PROFILE_NAMES.map((name) => h("option", { value: name }, name)));
    const counts = ["drawn", "4", "5", "6", "7", "8", "9", "10"];
    this.#replicas = h("select", { id: "replicas" }, ...counts.map((count) => h("option", { value: count }, count)));
    this.element = h(
      "dialog",
      { "aria-labelledby": "seeds" },
      h("h2", { id: "seeds" }, "Open a seed"),
      h("p", { class: "hint" }, KINDS_HINT),
      h(
        "form",
        {
          method: "dialog",
          class: "seed-form",
          submit: () => {
            const replicas = this.#replicas.value;
            onSeed({
              kind: "seed",
              seed: Number(this.#seed.value),
              ...(this.#profile.value !== "default" && { profile: this.#profile.value }),
              ...(replicas !== "drawn" && { replicas: Number(replicas) }),
            });
          },
        },
        h("label", { for: "seed" }, "seed"),
        this.#seed,
        h("label", { for: "profile" }, "faults"),
        this.#profile,
        h("label", { for: "replicas" }, "replicas"),
        this.#replicas,
        h("span", {}),
        h(
          "span",
          { class: "inline" },
          h("button", { type: "submit", class: "main" }, "Open"),
          h("button", { type: "button", click: () => this.element.close() }, "Cancel"),
        ),
      ),
    );
  }

  show(): void {
    if (!this.element.open) this.element.showModal();
    this.#seed.select();
  }
}
