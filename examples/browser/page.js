/**
 * A page that is a client of a cluster: index.html beside this file. `deno bundle` makes the main.js that it loads from this file; see the README.
 */
import { Client, parseClusterFile, verifyReceipt } from "@pbft/edge/client";

const element = (id) => document.getElementById(id);
const show = (id, text) => element(id).textContent = text;

// The cluster file determines which signatures are trusted. It comes from the server of the page, which must be trusted anyway.
const cluster = parseClusterFile(await (await fetch("cluster.json")).json());
const client = new Client({ cluster, timeoutMs: 20_000 });
show("client", await client.id());
show("cluster", `${cluster.genesis.name}: ${cluster.genesis.replicas.map(({ name }) => name).join(", ")}`);

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const operation = document.querySelector("input").value;
  const how = event.submitter.value;
  for (const id of ["result", "proof", "forged", "error"]) show(id, "");
  try {
    await (how === "read" ? read(operation) : order(operation));
  } catch (error) {
    show("error", `${error.name}: ${error.message}`);
  }
});

/** Has the operation ordered and executed, then verifies the receipt as any third party can. */
async function order(operation) {
  const { receipt } = await client.submit(operation);
  const { voters, result } = await verifyReceipt(cluster, receipt);
  show("forged", await proves(cluster, forge(receipt)));
  show("proof", `signed by ${namesOf(voters)}, as number ${result.sequence}`);
  show("result", new TextDecoder().decode(result.value));
}

/** Reads without ordering: all replicas answer from their states, and the client accepts the answer of a quorum. */
async function read(operation) {
  const value = await client.query(operation);
  show("proof", "a quorum of replicas says so");
  show("result", JSON.stringify(value));
}

async function proves(cluster, receipt) {
  try {
    await verifyReceipt(cluster, receipt);
    return "is believed: a defect";
  } catch (error) {
    return error.message;
  }
}

/** Changes the last byte of a reply's frame, which belongs to its signature. */
function forge({ replies: [first, ...others], ...receipt }) {
  const changed = first.slice();
  changed[changed.length - 1] ^= 1;
  return { ...receipt, replies: [changed, ...others] };
}

function namesOf(voters) {
  return voters.map((id) => cluster.genesis.replicas[id].name).join(" and ");
}
