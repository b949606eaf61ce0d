/**
 * A page that is a client of a cluster: index.html beside this file. The parts that other pages have too are in ../pages.
 */
import { Client, type ClusterFile, type Receipt, verifyReceipt } from "@pbft/edge/client";
import { Answers } from "../pages/answers.ts";
import { fingerprintOf, isOtherThanBefore, loadCluster } from "../pages/cluster.ts";
import { byId, listOf, show } from "../pages/dom.ts";
import { Problem } from "../pages/problem.ts";
import { Questions, showProblem } from "../pages/question.ts";

/** An answer that takes longer is given up, ms. */
const TIMEOUT_MS = 10_000;

try {
  await start(await loadCluster("key-value/1"));
} catch (error) {
  showProblem(error instanceof Problem ? error : new Problem(String(error), "Load the page again."));
}

async function start(cluster: ClusterFile): Promise<void> {
  const answers = new Answers(cluster);
  const client = new Client({ cluster, timeoutMs: TIMEOUT_MS, fetch: answers.fetch });
  const questions = new Questions(cluster, answers);
  byId("form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const operation = byId("operation", HTMLInputElement).value;
    const isRead = event.submitter?.getAttribute("value") === "read";
    void questions.ask(
      (signal) => isRead ? read(client, operation, signal) : order(client, cluster, operation, signal),
      isRead ? "read" : "change",
    );
  });
  const { genesis } = cluster;
  const other = isOtherThanBefore(await fingerprintOf(cluster)) ? "; another one than on your last visit" : "";
  show("client", await client.id());
  show("cluster", `${genesis.name}: ${genesis.replicas.map(({ name }) => name).join(", ")}${other}`);
}

/** Has the operation ordered and executed, then verifies the receipt as any third party can. */
async function order(client: Client, cluster: ClusterFile, operation: string, signal: AbortSignal): Promise<void> {
  const { receipt } = await client.submit(operation, { signal });
  const { signers, result } = await verifyReceipt(cluster, receipt, client.chain);
  show("forged", await objectionTo(cluster, forge(receipt), client.chain));
  show("proof", `signed by ${listOf(signers)}, as number ${result.sequence}`);
  show("result", new TextDecoder().decode(result.value));
}

/** Reads without ordering: all replicas answer from their states, and the client accepts the answer of a quorum. */
async function read(client: Client, operation: string, signal: AbortSignal): Promise<void> {
  const value = await client.query(operation, { signal });
  show("forged", "");
  show("proof", "a quorum of replicas says so");
  show("result", JSON.stringify(value) ?? "nothing");
}

async function objectionTo(cluster: ClusterFile, receipt: Receipt, chain: readonly Uint8Array[]): Promise<string> {
  try {
    await verifyReceipt(cluster, receipt, chain);
    return "is believed: a defect";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Changes the last byte of a reply's frame, which belongs to its signature. */
function forge({ replies: [first = new Uint8Array(), ...others], ...receipt }: Receipt): Receipt {
  const changed = first.slice();
  changed[changed.length - 1]! ^= 1;
  return { ...receipt, replies: [changed, ...others] };
}
