/** What can be done to the cluster: a request, and each replica's process. */
import type { Action } from "../feeds/feed.ts";
import type { ClusterView } from "../model/replica_view.ts";
import { h, setText } from "./dom.ts";

/** An action on one replica. */
export type ReplicaAction = Exclude<Action["action"], "request">;

/** The row of actions. */
export class Actions {
  readonly element: HTMLElement;
  readonly #operation: HTMLInputElement;
  readonly #request: HTMLFormElement;
  readonly #replica: HTMLElement;
  readonly #outcome: HTMLElement;
  readonly #act: (action: Action) => void;
  #shown = "";

  constructor(act: (action: Action) => void) {
    this.#act = act;
    this.#operation = h("input", {
      type: "text",
      id: "operation",
      maxlength: "4096",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.#request = h(
      "form",
      {
        class: "inline",
        submit: (event: Event) => {
          event.preventDefault();
          this.send();
        },
      },
      h("label", { for: "operation" }, "do"),
      this.#operation,
      h("button", { type: "submit" }, "Send"),
    );
    this.#replica = h("div", { class: "replica-actions", role: "group", "aria-label": "The chosen replica" });
    this.#outcome = h("output", { class: "outcome", "aria-live": "polite" });
    this.element = h(
      "section",
      { class: "actions", "aria-label": "Actions" },
      this.#request,
      this.#replica,
      this.#outcome,
    );
  }

  /** Sends the request again. */
  send(): void {
    const operation = this.#operation.value.trim();
    if (operation !== "" && !this.#request.hidden) this.#act({ action: "request", operation });
  }

  /** Offers an operation of the cluster's machine. */
  offer(operation = "SET name Ada"): void {
    this.#operation.value = operation;
  }

  /** What came of the last action. */
  say(text: string, isTrouble = false): void {
    setText(this.#outcome, text);
    this.#outcome.classList.toggle("alarm", isTrouble);
  }

  draw(view: ClusterView, chosen: number | null, possible: readonly Action["action"][]): void {
    this.#request.hidden = !possible.includes("request");
    const process = chosen === null ? null : view.replicas[chosen]?.process ?? null;
    const offered = process === null ? [] : offers(process).filter((action) => possible.includes(action));
    const shown = `${chosen} ${offered} ${possible.length}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (possible.length < 2) return this.#replica.replaceChildren();
    if (chosen === null) {
      return this.#replica.replaceChildren(
        h(
          "span",
          { class: "hint" },
          possible.includes("lie")
            ? "Choose a replica to stop, pause, cut it off or make it lie."
            : "Choose a replica to stop, pause or cut it off.",
        ),
      );
    }
    const name = view.facts.members[chosen]!;
    this.#replica.replaceChildren(
      h("b", {}, `${name}:`),
      ...offered.map((action) =>
        h("button", {
          type: "button",
          "aria-label": `${action} ${name}`,
          click: () => this.#act({ action, replica: name }),
        }, WORDS[action])
      ),
    );
  }
}

const WORDS: Readonly<Record<ReplicaAction, string>> = {
  stop: "Stop",
  start: "Start",
  pause: "Pause",
  resume: "Resume",
  cut: "Cut off",
  join: "Join again",
  lie: "Make lie",
};

/** What can be done with a process in this state. */
export function offers(process: string): readonly ReplicaAction[] {
  switch (process) {
    case "stopped":
      return ["start"];
    case "paused":
      return ["resume", "stop"];
    case "cut":
      return ["join", "stop"];
    case "lying":
      return ["stop"];
    default:
      return ["stop", "pause", "cut", "lie"];
  }
}
