/**
 * `GET /status`: the state of a replica, for programs and for people.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { encodeEvidence, type EvidenceItem } from "../../wire/mod.ts";
import type { HostedNode } from "../hosted_node.ts";
import { Problem } from "../problem.ts";
import type { EpochsHost } from "./epochs.ts";
import type { StatusJson } from "../openapi/types.ts";
import type { PeerClocks } from "../peers/peer_clocks.ts";

/** What the status is read from. */
export interface StatusOptions {
  readonly node: HostedNode;
  /** The clocks of the other members. */
  readonly clocks: PeerClocks;
  /** URLs of the members by name, where they are known. */
  readonly urls: Readonly<Record<string, string>>;
  /** Wall clock, ms. */
  readonly now: number;
}

/**
 * Whether a replica takes part in the protocol now, and if not, why. It takes part if it votes in a view that has
 * started, if a quorum is in reach and, as far as it knows, in the same view, and if its store accepts commits. Whether
 * the process is alive is a separate question: `/healthz`.
 */
export function readiness(node: HostedNode): { readonly ready: boolean; readonly reason: string } {
  const { halted, storeError, isReloading, replica, inReach } = node.status();
  if (halted !== undefined) return { ready: false, reason: `the replica halted: ${halted}` };
  if (storeError !== undefined) return { ready: false, reason: `commits to the store fail: ${storeError}` };
  if (isReloading) return { ready: false, reason: "the replica is being loaded from its store" };
  if (replica.recovering) {
    return {
      ready: false,
      reason: "the replica recovers from a lost disk: it follows the others and does not vote yet",
    };
  }
  if (replica.isAsking) {
    return { ready: false, reason: "the replica has restarted and waits for the others to return its last messages" };
  }
  if (replica.unsealed !== undefined) {
    const reason = `the state machine failed to return its state at ${replica.unsealed}; see the error in the log`;
    return { ready: false, reason };
  }
  if (replica.transferring) {
    return { ready: false, reason: "the replica fetches a state from the others (state transfer)" };
  }
  if (!replica.active) return { ready: false, reason: `the replica waits for view ${replica.view} to start` };
  const n = node.genesis.replicas.length;
  const missing = quorum(n) - 1 - inReach.length;
  if (missing <= 0) return { ready: true, reason: "ready" };
  const names = inReach.map((id) => node.genesis.replicas[id]!.name).join(", ") || "none";
  const reason = `no quorum in reach: expected ${quorum(n) - 1} other members in view ${replica.view}, got ${names}`;
  return { ready: false, reason };
}

/** An item of `GET /evidence`. */
type NamedEvidence = EvidenceItem & { readonly name: string; readonly epoch: number };

/**
 * `GET /evidence`: proofs that replicas are faulty, those of the present epoch first, then those of epochs that are
 * over. `verifyEvidence` checks them.
 * @throws {Problem} if those of closed epochs can't be read.
 */
export async function evidenceJson(
  node: HostedNode,
  epochs: Pick<EpochsHost, "closedEvidence">,
): Promise<{ readonly evidence: readonly NamedEvidence[] }> {
  const closed = await (epochs.closedEvidence?.() ?? Promise.resolve([])).catch((error) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem("unavailable", { detail: `the evidence of closed epochs can't be read: ${why}` });
  });
  const epoch = node.epoch?.number ?? 0;
  const present = node.status().replica.evidence.map((item): NamedEvidence => {
    return { name: node.genesis.replicas[item.first.message.replica]!.name, epoch, ...encodeEvidence(item) };
  });
  const former = closed.map(({ name, epoch, ...item }): NamedEvidence => ({ name, epoch, ...encodeEvidence(item) }));
  return { evidence: [...present, ...former] };
}

/** The status as JSON. Field names are goPBFT's where it has them (`nodeID`, `viewID`, `nodeTable`). */
export function statusJson({ node, clocks, urls, now }: StatusOptions): StatusJson {
  const { name, self, replica, outboxes, inReach, inbox, commits, reloads, storeError, halted, ...faults } = node
    .status();
  const nameOf = (id: number) => node.genesis.replicas[id]?.name ?? `#${id}`;
  const { view, primary, alarmAt, slots, evidence, ...rest } = replica;
  const { ready, reason } = readiness(node);
  return {
    nodeID: name,
    replica: self,
    cluster: node.cluster,
    clusterName: node.genesis.name,
    epoch: node.epoch?.number ?? 0,
    stateMachine: node.genesis.stateMachine,
    now,
    clockAheadMs: clocks.ahead,
    ready,
    notReady: ready ? null : reason,
    halted: halted ?? null,
    storeError: storeError ?? null,
    viewID: view,
    primary: nameOf(primary),
    ...rest,
    evidence: evidence.length,
    alarmAt,
    alarmInMs: alarmAt === null ? null : alarmAt - now,
    slots,
    buffers: { inbox, pendingRequests: replica.pendingRequests },
    commits,
    reloads,
    inputFaults: faults.inputFaults,
    lastInputFault: faults.lastInputFault ?? null,
    peers: outboxes.map(({ peer, ...outbox }) => {
      return { nodeID: nameOf(peer), inReach: inReach.includes(peer), clockAheadMs: clocks.aheadOf(peer), ...outbox };
    }),
    nodeTable: Object.fromEntries(node.genesis.replicas.map((member) => [member.name, urls[member.name] ?? null])),
  };
}

/**
 * The most open numbers in the text. With four replicas it then fits a screen of 24 lines, beside the command and the
 * prompt.
 */
const MAX_ROWS = 3;
/** The most characters of a row. */
const MAX_COLUMNS = 80;
/** The most of the row that says why the replica is not ready; it may take two lines. */
const MAX_REASON = 160;

/**
 * The status as text that fits a screen: digests are shortened, and of many open numbers the first are shown. The JSON
 * has everything.
 */
export function statusText({ node, clocks, urls, now }: StatusOptions): string {
  const { name, self, replica, outboxes, inbox, commits, reloads, inputFaults, lastInputFault } = node.status();
  const nameOf = (id: number) => node.genesis.replicas[id]?.name ?? `#${id}`;
  const facts: [string, string][] = [
    ["replica", `${name} (${self + 1} of ${node.genesis.replicas.length}): ${readiness(node).reason}`],
    ["cluster", `${shortened(node.genesis.name, 40)} ${shortened(node.cluster, 16)}`],
    [
      "view",
      `${replica.view}${node.epoch?.number ? ` of epoch ${node.epoch.number}` : ""}, primary ${
        nameOf(replica.primary)
      }${replica.primary === self ? " (this one)" : ""}${replica.active ? "" : ", not started yet"}`,
    ],
    ["executed", `${replica.lastExecuted}, watermarks ${replica.lowWatermark} to ${replica.highWatermark}`],
    ["agreed time", replica.agreedTime === 0 ? "none yet" : new Date(replica.agreedTime).toISOString()],
    ["clock", clockText(clocks.ahead)],
    [
      "waiting",
      `${replica.pendingRequests} requests, ${inbox} frames; next alarm ${
        replica.alarmAt === null ? "none" : `in ${Math.max(0, replica.alarmAt - now)} ms`
      }`,
    ],
    ["clients", `${replica.sessions} sessions, ${replica.names} names`],
    ["store", `${commits} commits, ${reloads} reloads`],
    ...(inputFaults === 0 ? [] : [
      ["faults", `${inputFaults} inputs made the core throw: ${shortened(lastInputFault?.error ?? "", 40)}`],
    ] satisfies [string, string][]),
    [
      "state",
      `root ${replica.stateRoot ? shortened(replica.stateRoot, 16) : "none before the first checkpoint"}, history ${
        shortened(replica.history, 16)
      }`,
    ],
  ];
  const rows = inputFaults === 0 ? MAX_ROWS : MAX_ROWS - 1;
  return [
    ...facts.map(([label, value], row) =>
      shortened(`${label.padEnd(13)}${value}`, row === 0 ? MAX_REASON : MAX_COLUMNS)
    ),
    "",
    ...table(
      ["node", "url", "queued", "bytes", "dropped", "by", "unreachable"],
      node.genesis.replicas.map((member, id) => {
        const outbox = outboxes.find(({ peer }) => peer === id);
        const counts = outbox ? [outbox.depth, outbox.bytes, outbox.dropped].map(String) : ["-", "-", "-"];
        const by = outbox ? outbox.link?.isSocketOpen ? "socket" : "POST" : "-";
        return [member.name, urls[member.name] ?? "-", ...counts, by, outbox?.unreachable?.reason ?? "-"];
      }),
    ),
    "",
    ...table(
      ["number", "stage", "prepares", "commits"],
      replica.slots.slice(0, rows).map((slot) => {
        return [`${slot.sequence}`, slot.stage, `${slot.prepares}`, `${slot.commits}`];
      }),
    ),
    ...openNumbersLines(replica.slots.length, rows),
    "",
  ].join("\n");
}

function openNumbersLines(count: number, rows: number): readonly string[] {
  if (count === 0) return ["(no sequence number is open)"];
  return count > rows ? [`(and ${count - rows} more)`] : [];
}

/** A text of at most `length` characters. */
function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function clockText(ahead: number | null): string {
  if (ahead === null) return "unknown: too few other members have shown their clocks";
  return `${Math.abs(ahead)} ms ${ahead < 0 ? "behind" : "ahead of"} the others'`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  return [head, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
    .map((row) => shortened(row, MAX_COLUMNS));
}
