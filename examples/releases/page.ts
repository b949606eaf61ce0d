/**
 * The page of the register: it follows all entries from those of the last visit on, has single ones proven by signatures, and checks files
 * against receipts.
 */
import {
  type ClusterFile,
  createClient,
  decodeReceipt,
  encodeReceipt,
  type Receipt,
  type TypedClient,
} from "@pbft/edge/client";
import type { Machine } from "@pbft/edge/machine";
import { Answers } from "../pages/answers.ts";
import { fingerprintOf, isOtherThanBefore, loadCluster } from "../pages/cluster.ts";
import { byId, listOf, make, show } from "../pages/dom.ts";
import { Problem } from "../pages/problem.ts";
import { Questions, showProblem } from "../pages/question.ts";
import { type Entry, PAGE, releases } from "./machine.ts";
import { Memory } from "./memory.ts";
import { NO_ENTRIES } from "./root.ts";
import { digestOf, followRegister, type RegisterReader, VerificationError, verifyRelease } from "./verify.ts";

type Register = typeof releases extends Machine<infer Types> ? TypedClient<Types> : never;

/** So many entries are shown. */
const SHOWN = 50;

try {
  await start(await loadCluster(releases.version));
} catch (error) {
  showProblem(error instanceof Problem ? error : new Problem(String(error), "Load the page again."));
}

async function start(cluster: ClusterFile): Promise<void> {
  const { genesis } = cluster;
  const fingerprint = await fingerprintOf(cluster);
  const other = isOtherThanBefore(fingerprint) ? "; another cluster than on your last visit" : "";
  show("cluster", `${genesis.name}: ${genesis.replicas.map(({ name }) => name).join(", ")}${other}`);
  const answers = new Answers(cluster);
  const register = createClient(releases, { cluster, timeoutMs: 10_000, fetch: answers.fetch });
  const questions = new Questions(cluster, answers);
  const latest: Entry[] = [];
  const draw = () => {
    const wanted = byId("filter", HTMLInputElement).value.trim().toLowerCase();
    const shown = latest.filter(({ name }) => name.includes(wanted)).slice(0, SHOWN);
    const cards = shown.map((entry) =>
      card(
        entry,
        (result) => void questions.ask((signal) => prove(register, cluster, { entry, result, signal }), "read"),
      )
    );
    const none = latest.length === 0 ? "No release yet." : "No such name among the latest.";
    byId("entries", HTMLElement).replaceChildren(...cards.length > 0 ? cards : [make("li", "quiet", none)]);
  };
  const look = () =>
    questions.ask(async (signal) => {
      const reader: RegisterReader = {
        head: () => register.head(undefined, { signal }),
        entries: (input) => register.entries(input, { signal }),
      };
      const { words, entries } = await readOn(reader, new Memory(fingerprint), latest);
      latest.splice(0, latest.length, ...entries);
      show("consistency", words);
      draw();
    }, "read");
  byId("refresh", HTMLButtonElement).addEventListener("click", () => void look());
  byId("filter", HTMLInputElement).addEventListener("input", draw);
  byId("check", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void checkFile(cluster, register.client.chain);
  });
  await look();
}

/** Follows the register from the last visit on. Gives the latest entries, the last one first. */
async function readOn(register: RegisterReader, memory: Memory, known: readonly Entry[]) {
  const seen = memory.last;
  try {
    const { head, entries } = await followRegister(register, seen ?? { count: 0, root: NO_ENTRIES });
    const isKept = memory.keep(head);
    const newest = [...entries].reverse();
    // What was seen before is read for its content only: its root has been checked.
    const first = newest.at(-1)?.number ?? head.count + 1;
    const before = known.length > 0 || first === 1
      ? known
      : await register.entries({ after: Math.max(0, first - 1 - PAGE) });
    const older = known.length > 0 ? known : [...before].filter(({ number }) => number < first).reverse();
    const words = seen
      ? `Nothing was changed since ${dateOf(seen.at)}: ${entriesOf(seen.count)} then, ${entriesOf(head.count)} now.`
      : `${entriesOf(head.count)}, and each root follows from the one before. ${
        isKept
          ? "This browser remembers them for your next visit."
          : "This browser keeps nothing, so it cannot compare visits."
      }`;
    return { words, entries: [...newest, ...older].slice(0, PAGE) };
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    const since = seen ? `since ${dateOf(seen.at)}` : "within itself";
    throw new Problem(
      `The register is not consistent ${since}: ${error.message}.`,
      "Do not trust it. Keep this browser's data, and show them to the members of the cluster and to other visitors.",
    );
  }
}

function card(entry: Entry, onProve: (result: HTMLElement) => void): HTMLElement {
  const { number, name, version, digest, publisher, by, time } = entry;
  const prove = make("button", "", "Prove", make("span", "hidden", ` ${name} ${version}`));
  const result = make("div", "proof");
  prove.addEventListener("click", () => onProve(result));
  return make(
    "li",
    "",
    make("p", "", make("strong", "", `${name} ${version}`)),
    make(
      "p",
      "quiet",
      `entry ${number}, ${dateOf(time)}, by ${by || "a publisher"} with the key ${publisher.slice(0, 16)}…`,
    ),
    make("p", "", make("code", "", digest)),
    prove,
    result,
  );
}

/** Has the cluster sign for an entry, and verifies what it signed. */
async function prove(
  register: Register,
  cluster: ClusterFile,
  { entry, result, signal }: { readonly entry: Entry; readonly result: HTMLElement; readonly signal: AbortSignal },
): Promise<void> {
  const { name, version } = entry;
  const { receipt } = await register.client.submit(releases.encode("find", { name, version }), { signal });
  const { entry: proven, signers } = await verifyRelease(cluster, receipt, register.client.chain);
  if (proven.root !== entry.root) {
    throw new Problem(
      `The members signed another entry than the one that is shown.`,
      "Look again; if it stays so, do not trust it.",
    );
  }
  const save = document.createElement("a");
  save.href = URL.createObjectURL(new Blob([copyOf(encodeReceipt(receipt))]));
  save.download = `${name.replaceAll("/", "-")}-${version}.receipt`;
  save.textContent = "save the receipt";
  result.replaceChildren(make("p", "good", `Proven: signed by ${listOf(signers)}; `, save));
}

/** Checks a receipt, and a file against it, with the genesis alone. */
async function checkFile(cluster: ClusterFile, chain: readonly Uint8Array[]): Promise<void> {
  const bytesOf = async (id: string) => {
    const file = byId(id, HTMLInputElement).files?.[0];
    return file ? new Uint8Array(await file.arrayBuffer()) : null;
  };
  const say = (isGood: boolean, words: string) => {
    byId("checked", HTMLElement).className = isGood ? "good" : "bad";
    show("checked", words);
  };
  try {
    const [bytes, file] = [await bytesOf("receipt"), await bytesOf("file")];
    if (!bytes) return;
    const receipt: Receipt = decodeReceipt(bytes);
    const { entry, signers } = await verifyRelease(cluster, receipt, chain);
    const words = `${entry.name} ${entry.version} is entry ${entry.number}, published ${
      dateOf(entry.time)
    }, signed by ${listOf(signers)}`;
    if (!file) return say(true, `${words}. Its digest is ${entry.digest}.`);
    const isSame = entry.digest === await digestOf(file);
    say(
      isSame,
      isSame
        ? `${words}. The file is what was published.`
        : `The file is NOT what was published as ${entry.name} ${entry.version}.`,
    );
  } catch (error) {
    say(false, `It is not proven: ${error instanceof Error ? error.message : error}.`);
  }
}

function entriesOf(count: number): string {
  return count === 1 ? "1 entry" : `${count} entries`;
}

function dateOf(time: number): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** Bytes that a Blob takes: not of memory that may be shared. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
