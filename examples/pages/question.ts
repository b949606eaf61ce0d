/** One question at a time: buttons that are busy, who has answered, a way to give up, and errors in words. */
import type { ClusterFile } from "@pbft/edge/client";
import type { Answers } from "./answers.ts";
import { byId, make } from "./dom.ts";
import { diagnose, explain } from "./explain.ts";
import type { Problem } from "./problem.ts";

/** So often the words about the waiting change, ms. */
const TICK_MS = 100;
/** After this time without an answer the reason is looked for, while the question goes on, ms. */
const DOUBT_MS = 2_000;

/**
 * Asks the questions of a page. The page has a place for words about the waiting (`#waiting`), for problems (`#problem`, with the role alert),
 * and a button `#cancel`. While a question is being asked, no other one is; earlier results are grey.
 */
export class Questions {
  readonly #cluster: ClusterFile;
  readonly #answers: Answers;
  #asking: AbortController | null = null;

  constructor(cluster: ClusterFile, answers: Answers) {
    this.#cluster = cluster;
    this.#answers = answers;
    byId("cancel", HTMLButtonElement).addEventListener("click", () => this.#asking?.abort(new Error("given up")));
  }

  /** Whether a question is being asked. */
  get isBusy(): boolean {
    return this.#asking !== null;
  }

  /**
   * Asks, unless a question is being asked. Errors are shown. Returns whether there is an answer.
   * `kind`: what is only read has changed nothing when it is given up.
   */
  async ask(work: (signal: AbortSignal) => Promise<void>, kind: "read" | "change" = "change"): Promise<boolean> {
    if (this.#asking) return false;
    const asking = new AbortController();
    this.#asking = asking;
    showProblem(null);
    this.#answers.begin();
    this.#setBusy(true);
    const words = byId("waiting", HTMLElement);
    const tick = () => words.textContent = this.#answers.words;
    tick();
    const ticking = setInterval(tick, TICK_MS);
    const doubting = setTimeout(async () => {
      const problem = await diagnose(this.#cluster, "This page goes on asking.");
      if (this.#asking === asking) showProblem(problem);
    }, DOUBT_MS);
    try {
      await work(asking.signal);
      showProblem(null);
      for (const result of document.querySelectorAll(".earlier")) result.classList.remove("earlier");
      return true;
    } catch (error) {
      if (asking.signal.aborted) {
        const fate = "What was sent may be executed all the same: read before you send it again.";
        showNote(`Given up. ${kind === "read" ? "Nothing was changed." : fate}`);
      } else {
        const problem = await explain(error, this.#cluster);
        showProblem(problem);
      }
      return false;
    } finally {
      clearInterval(ticking);
      clearTimeout(doubting);
      words.textContent = "";
      this.#setBusy(false);
      this.#asking = null;
    }
  }

  #setBusy(isBusy: boolean): void {
    // A button that is disabled would lose the focus of the keyboard.
    for (const button of document.querySelectorAll("button:not(#cancel)")) {
      button.setAttribute("aria-disabled", String(isBusy));
    }
    byId("cancel", HTMLButtonElement).hidden = !isBusy;
    byId("results", HTMLElement).setAttribute("aria-busy", String(isBusy));
    if (isBusy) { for (const result of document.querySelectorAll("[data-result]")) result.classList.add("earlier"); }
  }
}

/** Shows a problem and its next step; `null`: there is none. */
export function showProblem(problem: Problem | null): void {
  showAlert(problem ? [make("p", "bad", problem.message), make("p", "", problem.next)] : []);
}

function showNote(text: string): void {
  showAlert([make("p", "", text)]);
}

/** The same words again are no news: they would be read aloud once more. */
function showAlert(parts: readonly HTMLElement[]): void {
  const place = byId("problem", HTMLElement);
  const isSame = [...place.children].map((part) => part.textContent).join("\n") ===
    parts.map((part) => part.textContent).join("\n");
  if (!isSame) place.replaceChildren(...parts);
}
