/**
 * A member over its epochs with its HTTP interface: the same on every runtime. Each epoch has its own node, transport,
 * membership and routes.
 * @module
 */
import { wrap } from "../../core/wrap.ts";
import { millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { HostedNode, Membership, ReplicaApp } from "../../http/mod.ts";
import { createLeftApp } from "../../http/left_app.ts";
import { httpSource } from "../../http/peers/member_source.ts";
import type { EpochsHost } from "../../http/routes/epochs.ts";
import { importKeyPair } from "../../crypto/mod.ts";
import { ClosedEvidenceReader } from "../../node/closed/evidence.ts";
import { RotationApprover } from "../../node/epochs/approver.ts";
import { ClusterMember } from "../../node/epochs/cluster_member.ts";
import { following } from "../../node/epochs/following.ts";
import type { ClusterMemberOptions, EnteredEpoch } from "../../node/epochs/member_options.ts";
import type { ReplicaNode } from "../../node/node.ts";
import { CRYPTOGRAPHY } from "../../node/options.ts";
import type { Transport } from "../../node/ports.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { membershipOf } from "./transport.ts";

/** What the routes of one epoch share. */
export interface AppParts {
  readonly urls: ClusterFile["urls"];
  readonly membership: Membership;
  readonly epochs: EpochsHost;
  /** Aborts when the epoch ends, or the host stops. */
  readonly ended: AbortSignal;
  /** Aborts some time after the epoch has ended, or when the host stops. */
  readonly signal: AbortSignal;
}

/** A transport, and what ends it. */
export interface OpenTransport {
  readonly transport: Transport;
  close?(): void | Promise<void>;
}

/** Options of {@linkcode openMemberHost}. */
export interface MemberHostOptions {
  readonly member: Omit<ClusterMemberOptions, "transport" | "source" | "onEpoch">;
  /** Whether it approves of rotations by itself. */
  readonly approvesRotations?: boolean | undefined;
  /** Opens the transport to the other members of an epoch. */
  readonly openTransport: (epoch: Epoch, self: ReplicaId, membership: Membership) => OpenTransport;
  /** Asks members of other epochs. Default: by `fetch`. */
  readonly source?: ClusterMemberOptions["source"];
  /** Makes the routes of an epoch. */
  readonly createApp: (node: HostedNode & ReplicaNode, parts: AppParts) => ReplicaApp["fetch"];
}

/** A member and its HTTP interface. */
export interface MemberHost {
  readonly member: ClusterMember;
  /** The node of the present epoch, or the last one if there is none. `null` if there was none yet. */
  readonly node: ReplicaNode | null;
  readonly fetch: ReplicaApp["fetch"];
  close(): Promise<void>;
}

/** How long the routes of a closed epoch go on answering those who wait there, ms. Longer than any request waits. */
const LINGER_MS = 15_000;

interface Present {
  readonly stopping: AbortController;
  readonly ending: AbortController;
  readonly transport: OpenTransport | null;
}

/** Opens a member. Throws what `ClusterMember.open` throws. */
export async function openMemberHost(options: MemberHostOptions): Promise<MemberHost> {
  const { timer, cluster, privateKey } = options.member;
  const { publicKey } = importKeyPair(privateKey);
  const approver = options.approvesRotations ? approverOf({ privateKey, publicKey, timer }) : null;
  const evidence = new ClosedEvidenceReader(options.member.store);
  let node: ReplicaNode | null = null;
  let fetch: ReplicaApp["fetch"] | null = null;
  let parts: { readonly membership: Membership; readonly transport: OpenTransport } | null = null;
  let present: Present | null = null;
  const entered: EnteredEpoch[] = [];
  /** The nodes of earlier epochs that still run: each ends by itself, or when the host closes. */
  const lingering = new Set<() => void>();
  const enter = (member: ClusterMember, { epoch, node: next }: EnteredEpoch) => {
    const before = present;
    const [stopping, ending] = [new AbortController(), new AbortController()];
    const { signal } = stopping;
    if (next) node = next;
    present = { stopping, ending, transport: parts?.transport ?? null };
    // In epoch 0 the cluster file says where the members are now; later ones have their URLs in the configuration.
    const urls = epoch.number === 0 ? cluster.urls : epoch.urls;
    fetch = next && parts
      ? options.createApp(overEpochs(next, member), {
        urls,
        membership: parts.membership,
        epochs: epochsHostOf(member, { approver, evidence }),
        signal,
        ended: ending.signal,
      })
      : createLeftApp(member, { timer, signal, publicKey }).fetch;
    parts = null;
    before?.ending.abort();
    if (before) {
      const cancel = timer.schedule(millis(timer.now() + LINGER_MS), () => {
        lingering.delete(stop);
        before.stopping.abort();
      });
      const stop = () => {
        cancel();
        before.stopping.abort();
      };
      lingering.add(stop);
    }
    void before?.transport?.close?.();
  };
  let opened: ClusterMember | null = null;
  const member = await ClusterMember.open({
    ...options.member,
    source: options.source ?? httpSource(),
    transport: (epoch, self) => {
      const membership = membershipOf(epoch, self, privateKey);
      const transport = options.openTransport(epoch, self, membership);
      parts = { membership, transport };
      return transport.transport;
    },
    onEpoch: (one) => opened ? enter(opened, one) : entered.push(one),
  });
  opened = member;
  for (const one of entered.slice(-1)) enter(member, one);
  return {
    member,
    get node() {
      return node;
    },
    fetch(request, connection) {
      void member.poke();
      return fetch!(request, connection);
    },
    async close() {
      present?.ending.abort();
      await member.close();
      present?.stopping.abort();
      for (const stop of lingering) stop();
      await present?.transport?.close?.();
    },
  };
}

function approverOf(
  keys: Pick<ClusterMemberOptions, "privateKey" | "timer"> & { readonly publicKey: string },
): RotationApprover {
  return new RotationApprover({ ...keys, cryptography: CRYPTOGRAPHY });
}

/** A member as its routes see it. */
function epochsHostOf(
  member: ClusterMember,
  { approver, evidence }: { readonly approver: RotationApprover | null; readonly evidence: ClosedEvidenceReader },
): EpochsHost {
  return wrap<EpochsHost>(member, {
    closedEvidence: () => evidence.of(member.epochs),
    ...(approver && { approve: (proposal) => approver.approve(member.epoch, proposal) }),
  });
}

/** The node as its routes see it: who waits there when the epoch ends is served by the node that follows. */
function overEpochs(node: ReplicaNode, member: ClusterMember): ReplicaNode {
  return wrap(node, following(node, member));
}
