/** The cluster file beside a page. It says whose signatures are believed, so it comes from where the page comes from. */
import { type ClusterFile, parseClusterText } from "@pbft/edge/client";
import { Problem } from "./problem.ts";
import { remember, remembered } from "./storage.ts";

const FROM = "Copy it from the cluster, .pbft/cluster.json, to where this page is served; then load the page again.";

/** Loads it, past all caches. @throws {Problem} if it is missing, broken, or of a cluster that runs something else. */
export async function loadCluster(machine: string): Promise<ClusterFile> {
  if (!globalThis.isSecureContext) {
    throw new Problem(
      "This page came by http:, and browsers sign nothing on such pages.",
      "Open it by https:, or on this machine as http://localhost.",
    );
  }
  const response = await fetch("cluster.json", { cache: "no-store" }).catch(() => {
    throw new Problem("The server of this page does not answer any more.", "Start it, and load the page again.");
  });
  if (!response.ok) throw new Problem(`The cluster file is missing: cluster.json gave ${response.status}.`, FROM);
  const text = await response.text();
  const cluster = parsed(text);
  const runs = cluster.genesis.stateMachine;
  if (runs !== machine) {
    throw new Problem(
      `The cluster file is of another cluster: it runs ${runs}, and this page needs ${machine}.`,
      `Start a cluster that runs ${machine}, and copy its cluster.json to where this page is served.`,
    );
  }
  return cluster;
}

function parsed(text: string): ClusterFile {
  try {
    return parseClusterText(text);
  } catch (error) {
    throw new Problem(`The cluster file is broken: ${error instanceof Error ? error.message : error}`, FROM);
  }
}

/** What a browser remembers of a cluster: a short text that is another one for other members or keys. */
export async function fingerprintOf({ genesis }: ClusterFile): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(genesis)));
  return [...new Uint8Array(digest).slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether the cluster differs from that of the last visit to this page with this browser. */
export function isOtherThanBefore(fingerprint: string): boolean {
  const key = `cluster of ${location.pathname}`;
  const before = remembered(key);
  remember(key, fingerprint);
  return before !== null && before !== fingerprint;
}
