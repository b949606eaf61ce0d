/** The page of the flags: they are evaluated in the browser, and change as they are changed. */
import type { ClusterFile } from "@pbft/edge/client";
import { Answers } from "../pages/answers.ts";
import { fingerprintOf, isOtherThanBefore, loadCluster } from "../pages/cluster.ts";
import { byId, make, show } from "../pages/dom.ts";
import { diagnose, explain } from "../pages/explain.ts";
import { Problem } from "../pages/problem.ts";
import { Questions, showProblem } from "../pages/question.ts";
import { percentOf, type Subject } from "./evaluate.ts";
import { FlagClient } from "./flag_client.ts";
import { flags, type Rule } from "./machine.ts";

try {
  await start(await loadCluster(flags.version));
} catch (error) {
  showProblem(error instanceof Problem ? error : new Problem(String(error), "Load the page again."));
}

async function start(cluster: ClusterFile): Promise<void> {
  const { genesis } = cluster;
  const other = isOtherThanBefore(await fingerprintOf(cluster)) ? "; another cluster than on your last visit" : "";
  show("cluster", `${genesis.name}: ${genesis.replicas.map(({ name }) => name).join(", ")}${other}`);
  const answers = new Answers(cluster);
  const questions = new Questions(cluster, answers);
  const again = byId("again", HTMLButtonElement);
  const connect = async () => {
    const isThere = await questions.ask(async (signal) => {
      follow(await FlagClient.start({ cluster, timeoutMs: 10_000, fetch: answers.fetch, signal }), cluster);
    }, "read");
    again.hidden = isThere;
  };
  again.addEventListener("click", () => void connect());
  await connect();
}

/** Shows the flags, and shows them anew after each change, of a flag or of the subject. */
function follow(client: FlagClient, cluster: ClusterFile): void {
  const draw = () => {
    const subject = subjectOf();
    const cards = client.names.map((name) => card(client, name, subject));
    byId("flags", HTMLElement).replaceChildren(...cards.length > 0 ? cards : [make("li", "quiet", "No flag yet.")]);
  };
  client.onChange = (name) => {
    show("news", `${name ?? "All flags"} changed at ${new Date().toLocaleTimeString("en-GB")}.`);
    draw();
  };
  let latest: unknown = null;
  client.onTrouble = async (error) => {
    latest = error;
    const isOld = error !== null;
    byId("flags", HTMLElement).classList.toggle("earlier", isOld);
    show("news", isOld ? "These flags may be old." : "These are the flags as they are now.");
    const problem = isOld
      ? await diagnose(cluster, "This page goes on asking.") ?? await explain(error, cluster)
      : null;
    if (error === latest) showProblem(problem); // it may be over by now
  };
  byId("subject", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
  byId("subject", HTMLFormElement).addEventListener("input", draw);
  show("news", "These are the flags as they are now.");
  draw();
}

/** The subject that the form names. */
function subjectOf(): Subject {
  const words = byId("attributes", HTMLInputElement).value.split(/[\s,]+/).filter((word) => word.includes("="));
  const attributes = Object.fromEntries(words.map((word) => {
    const [attribute = "", value = ""] = word.split("=");
    return [attribute, value];
  }));
  return { id: byId("id", HTMLInputElement).value, attributes };
}

function card(client: FlagClient, name: string, subject: Subject): HTMLElement {
  const flag = client.get(name);
  const evaluated = client.evaluate(name, subject);
  if (!flag || !evaluated) return make("li", "");
  const { value, rule } = evaluated;
  const why = !flag.isOn
    ? "the flag is off"
    : rule === null
    ? "no rule takes this user"
    : `rule ${rule} takes this user`;
  const isSet = value !== false && value !== "";
  return make(
    "li",
    "",
    make("p", "", make("strong", "", name), ": ", make("span", isSet ? "good" : "bad", String(value) || "empty")),
    make("p", "quiet", `${why}, who is at ${percentOf(name, subject.id).toFixed(2)} of 100`),
    ...flag.rules.map((rule, i) => make("p", "", `${i + 1}. ${wordsOf(rule)}`)),
    make("p", "quiet", `revision ${flag.revision}, by the key ${flag.editor.slice(0, 16)}…`),
  );
}

function wordsOf({ audience, percent, value }: Rule): string {
  const whom = Object.entries(audience).map(([attribute, values]) => `${attribute} ${values.join(" or ")}`);
  return `${percent} % of ${whom.length > 0 ? whom.join(" and ") : "everybody"} get ${value}`;
}
