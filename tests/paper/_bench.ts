/** One replica on the bench: it is given message by message, and nothing that it says reaches anybody. */
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Input, Ready } from "../../src/core/io.ts";
import type {
  Batch,
  Checkpoint,
  ClientRequest,
  MessageKind,
  NewView,
  PreparedCertificate,
  PrePrepare,
  Signed,
  SignedRequest,
  Suspicion,
  Verified,
  ViewChange,
} from "../../src/core/messages/messages.ts";
import { weakQuorum } from "../../src/core/messages/quorum.ts";
import { Cluster, type Options } from "../core/_cluster.ts";
import { batchOf, show, signed, signedRequest, suspicionsOf } from "../core/_messages.ts";

export const ADA = "a".repeat(64) as ClientRequest["client"];

/** Opens ada's session; executed at number n its session is n. */
export const opening = signedRequest<ClientRequest>({
  kind: "request",
  client: ADA,
  session: 0,
  timestamp: 77,
  lowestUnanswered: 1,
  operations: [],
});

/** Ada's request in the session that number 1 has opened. */
export function request(timestamp: number, operation = `x=${timestamp}`): Verified<SignedRequest<ClientRequest>> {
  return signedRequest<ClientRequest>({
    kind: "request",
    client: ADA,
    session: 1,
    timestamp,
    lowestUnanswered: 1,
    operations: [new TextEncoder().encode(operation)],
  });
}

/** The batch of these requests. */
export function batch(...requests: readonly SignedRequest[]): Verified<Batch> {
  return batchOf(requests.length === 0 ? 0 : 1_000_000, requests);
}

interface Place {
  readonly v?: number;
  readonly n?: number;
  readonly digest?: Digest;
}

const place = ({ v = 0, n = 1, digest = batch(opening).digest }: Place) => ({
  view: v as View,
  sequence: n as SequenceNumber,
  digest,
});

export const prePrepare = (i: number, at: Place = {}) =>
  signed<PrePrepare>({ kind: "pre-prepare", replica: i as ReplicaId, ...place(at) });
export const prepare = (i: number, at: Place = {}) =>
  signed({ kind: "prepare" as const, replica: i as ReplicaId, ...place(at) });
export const commit = (i: number, at: Place = {}) =>
  signed({ kind: "commit" as const, replica: i as ReplicaId, ...place(at) });
export const checkpoint = (i: number, n: number, digest: string) =>
  signed<Checkpoint>({
    kind: "checkpoint",
    replica: i as ReplicaId,
    sequence: n as SequenceNumber,
    digest: digest as Digest,
  });
export const viewChange = (
  i: number,
  v: number,
  prepared: readonly PreparedCertificate[] = [],
  stable: readonly Signed<Checkpoint>[] = [],
  suspecting: readonly number[] = [0, 1, 2, 3],
) =>
  signed<ViewChange>({
    kind: "view-change",
    replica: i as ReplicaId,
    view: v as View,
    stable,
    prepared,
    suspicions: suspicionsOf(v, suspecting, stable[0]?.message.sequence),
  });
export const prepared = (
  at: Place,
  backups: readonly number[] = [2, 3],
  primary = (at.v ?? 0) % 4,
): PreparedCertificate => ({
  prePrepare: prePrepare(primary, at),
  prepares: backups.map((i) => prepare(i, at)),
});

/** A new-view of its view's primary among four. */
export function signedNewView(
  v: number,
  viewChanges: readonly Signed<ViewChange>[],
  prePrepares: readonly Signed<PrePrepare>[],
) {
  return signed<NewView>({ kind: "new-view", replica: v % 4 as ReplicaId, view: v as View, viewChanges, prePrepares });
}

/** Their own, so that no test depends on the defaults. */
export const SETTINGS = {
  pipelineDepth: 4,
  statusIntervalMs: 150,
  idleStatusMs: 2_000,
  viewTimeoutMs: 600,
  slowPrimaryMs: 2_000,
};

/** The replica and what it can be given. */
export class Bench {
  readonly cluster: Cluster;

  constructor(readonly self = 1, options: Options = {}) {
    this.cluster = new Cluster({ checkpointInterval: 2, ...options, settings: { ...SETTINGS, ...options.settings } });
    this.cluster.filter = () => false;
  }

  get status() {
    return this.cluster.host(this.self).replica!.status();
  }

  get log(): readonly string[] {
    return this.cluster.host(this.self).machine.logs.get("x") ?? [];
  }

  step(input: Input): Ready {
    return this.cluster.step(this.self, input);
  }

  /** Any message but a pre-prepare with its body. */
  take(message: Signed | Verified<SignedRequest>, body?: Batch): Ready {
    let ready: Ready | null = null;
    const before = this.cluster.onStep;
    this.cluster.onStep = (_host, _input, given) => ready = given;
    this.cluster.deliver(this.self, message as Signed, body);
    this.cluster.onStep = before;
    return ready!;
  }

  prePrepare(at: Place & { readonly i?: number; readonly requests?: readonly SignedRequest[] } = {}): Ready {
    const body = batch(...at.requests ?? [opening]);
    return this.take(prePrepare(at.i ?? (at.v ?? 0) % this.cluster.hosts.length, { digest: body.digest, ...at }), body);
  }

  /** Number n through all three phases; the other backups' votes and the primary's commit. */
  execute(n: number, ...requests: readonly SignedRequest[]): Ready {
    const { digest } = batch(...requests);
    this.prePrepare({ n, requests });
    for (const i of [2, 3]) this.take(prepare(i, { n, digest }));
    return [0, 2].map((i) => this.take(commit(i, { n, digest }))).find((ready) => stages(ready).includes("executed"))!;
  }

  /** So much time passes, in small steps, with nothing coming in; returns what was said and when, ms from now. */
  wait(ms: number): { readonly at: number; readonly ready: Ready }[] {
    const start = this.cluster.now;
    const said: { at: number; ready: Ready }[] = [];
    while (this.cluster.now < start + ms) {
      this.cluster.now += 10;
      const ready = this.step({ kind: "alarm" });
      said.push({ at: this.cluster.now - start, ready });
      const own = find(ready, "suspicion");
      if (own?.standing === "suspects") {
        for (const also of this.agreeing(own)) said.push({ at: this.cluster.now - start, ready: also });
      }
    }
    return said;
  }

  /** f others say what it says: nobody leaves alone. */
  agreeing({ view, executed }: Suspicion): readonly Ready[] {
    const n = this.cluster.hosts.length;
    const others = Array.from({ length: weakQuorum(n) - 1 }, (_, i) => (this.self + 1 + i) % n);
    return suspicionsOf(view, others, executed).map((suspicion) => this.take(suspicion));
  }

  /** Waits for the replica to leave its view; returns after how long, or null. */
  leavesAfter(limitMs: number): number | null {
    return this.wait(limitMs).find(({ ready }) => kinds(ready).includes("view-change") && leaves(ready))?.at ?? null;
  }
}

const leaves = ({ events }: Ready) => events.some(({ kind }) => kind === "view-change");

/** What was said, and to whom: `prepare to all`. */
export function said(ready: Ready): readonly string[] {
  return ready.messages.filter(({ message }) => message.message.kind !== "status")
    .map(({ to, message }) => `${message.message.kind} to ${to}`);
}

export function kinds(ready: Ready): readonly MessageKind[] {
  return ready.messages.map(({ message }) => message.message.kind);
}

/** The first message of this kind that was said. */
export function find<K extends MessageKind>(ready: Ready, kind: K) {
  const found = ready.messages.find(({ message }) => message.message.kind === kind);
  return found?.message.message as Extract<Signed["message"], { kind: K }> | undefined;
}

export function stages(ready: Ready): readonly string[] {
  return ready.events.flatMap((event) => event.kind === "stage" ? [event.stage] : []);
}

export function refusals(ready: Ready): readonly string[] {
  return ready.events.flatMap((event) => event.kind === "discarded" ? [event.reason] : []);
}

/** What the client is told: `ok 1`. */
export function answers(ready: Ready): readonly string[] {
  return ready.replies.flatMap(({ reply }) => reply.results.map(show));
}
