/** A node that answers as a test tells it to. */
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { digest, millis, type ReplicaId, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type {
  GatewayOperation,
  MessageKind,
  Result,
  SignedRequest,
  Verified,
} from "../../src/core/messages/messages.ts";
import type { SignedQuery } from "../../src/core/messages/queries.ts";
import type { HostedNode } from "../../src/http/mod.ts";
import type { GatewayAnswer } from "../../src/node/gateway/gateway_operations.ts";
import type { Observer, Rejection } from "../../src/node/ports.ts";
import type { SubmitOptions } from "../../src/node/node.ts";
import type { NodeStatus } from "../../src/node/status.ts";
import { fromUtf8, utf8 } from "../../src/wire/mod.ts";

export const CLUSTER = digest("c".repeat(64));

export class FakeNode implements HostedNode {
  readonly self = replicaId(1);
  readonly cluster = CLUSTER;
  readonly genesis: Genesis = {
    name: "test",
    replicas: ["Apple", "Ball", "Candy", "Dog"].map((name, i) => ({ name, publicKey: String(i).repeat(64) })),
    checkpointInterval: 128,
    logWindow: 256,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  readonly observers = new Set<Observer>();
  /** What {@linkcode receive} and {@linkcode vouch} were given. */
  readonly received: { frames: readonly Uint8Array[]; accept?: readonly MessageKind[] }[] = [];
  readonly vouched: GatewayOperation[] = [];
  overrides: Partial<NodeStatus> = {};

  onReceive = (_frame: Uint8Array): Rejection | null => null;
  onSubmit = (_frame: Uint8Array, _signal?: AbortSignal): Promise<Uint8Array | Rejection> =>
    Promise.resolve(utf8("reply"));
  onQuery = (_frame: Uint8Array, _signal?: AbortSignal): Promise<Uint8Array | Rejection> =>
    Promise.resolve(utf8("answer"));
  onVouch = (operation: GatewayOperation, _signal?: AbortSignal): Promise<GatewayAnswer | Rejection> =>
    Promise.resolve(answer("ok", JSON.stringify(fromUtf8(operation.operation))));

  receive(frames: readonly Uint8Array[], accept?: readonly MessageKind[]): Promise<readonly (Rejection | null)[]> {
    this.received.push({ frames, accept });
    return Promise.resolve(frames.map((frame) => this.onReceive(frame)));
  }

  stream(frames: readonly Uint8Array[], _by: ReplicaId, answer: (rejection: Rejection | null) => void): void {
    this.received.push({ frames });
    for (const frame of frames) answer(this.onReceive(frame));
  }

  /** Believes everybody. */
  verifyRequest(frame: Uint8Array): Promise<Verified<SignedRequest>> {
    const message = { kind: "request", client: "a".repeat(64), operations: [frame] };
    return Promise.resolve({ message, bytes: frame } as unknown as Verified<SignedRequest>);
  }

  verifyQuery(frame: Uint8Array): Promise<Verified<SignedQuery>> {
    const message = { kind: "query", client: "a".repeat(64), operations: [frame] };
    return Promise.resolve({ message, bytes: frame } as unknown as Verified<SignedQuery>);
  }

  submit(asked: Verified<SignedRequest> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return this.onSubmit(asked instanceof Uint8Array ? asked : asked.bytes, options?.signal);
  }

  query(asked: Verified<SignedQuery> | Uint8Array, options?: SubmitOptions): Promise<Uint8Array | Rejection> {
    return this.onQuery(asked instanceof Uint8Array ? asked : asked.bytes, options?.signal);
  }

  vouch(operations: readonly GatewayOperation[], signal?: AbortSignal): Promise<GatewayAnswer | Rejection> {
    this.vouched.push(...operations);
    return this.onVouch(operations[0]!, signal);
  }

  status(): NodeStatus {
    return {
      name: "Ball",
      self: this.self,
      inbox: 2,
      commits: 17,
      reloads: 0,
      inputFaults: 0,
      inReach: [0, 2, 3].map(replicaId),
      outboxes: [0, 2, 3].map((peer) => ({
        peer: replicaId(peer),
        depth: peer,
        bytes: 10 * peer,
        dropped: 0,
        failures: 0,
        unreachable: null,
      })),
      replica: {
        view: view(4),
        primary: replicaId(0),
        active: true,
        lastExecuted: sequenceNumber(130),
        lowWatermark: sequenceNumber(128),
        highWatermark: sequenceNumber(384),
        slots: [{ sequence: sequenceNumber(131), stage: "prepared", prepares: 2, commits: 1 }],
        pendingRequests: 3,
        sessions: 5,
        names: 6,
        stateRoot: null,
        history: digest("d".repeat(64)),
        agreedTime: millis(1_000_000),
        alarmAt: millis(1_000_150),
        transferring: false,
        recovering: false,
        evidence: [],
      },
      ...this.overrides,
    };
  }

  observe(observer: Observer): () => void {
    this.observers.add(observer);
    return () => void this.observers.delete(observer);
  }
}

export function answer(status: Result["status"], value: string): GatewayAnswer {
  return {
    request: digest("ab".repeat(32)),
    view: view(4),
    voters: [replicaId(0), replicaId(2)],
    names: { gateway: "Ball", voters: ["Apple", "Candy"] },
    results: [{ sequence: sequenceNumber(131), status, value: utf8(value) }],
  };
}

/** Rejects once the signal aborts, as a node does that gets no quorum. */
export function untilAborted(signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(new DOMException("aborted", "AbortError"));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
  });
}
