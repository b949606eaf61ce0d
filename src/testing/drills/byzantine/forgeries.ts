/**
 * A drill of the gate. A message with a valid signature passes. A message signed by another replica, for another
 * cluster, as another kind, or by nobody does not pass, and neither does a message that contains one.
 * @module
 */
import type { ClientId, Digest } from "../../../core/messages/ids.ts";
import type {
  ClientRequest,
  Fetch,
  GatewayRequest,
  Message,
  MessageKind,
  Signed,
  SignedRequest,
  StableCheckpoint,
} from "../../../core/messages/messages.ts";
import type { Query } from "../../../core/messages/queries.ts";
import { sign, withDigest } from "../../../node/environment.ts";
import { encodeFrame } from "../../../wire/mod.ts";
import type { DrillContext } from "../context.ts";
import { newStatus } from "../peers.ts";

/** Makes a message anew with one of its nested messages replaced. */
type Rebuild = (forge: <M extends Message>(signed: Signed<M>) => Signed<M>) => Signed;

/** A message of every kind, itself forged and with its nested messages forged. */
export function turnsAwayForgeries(context: DrillContext): void {
  const { peers, copy, random, world: { gate, crypto, cluster, keyOf } } = context;
  const { lowWatermark, view: now } = copy.status;
  const view = now + 1;
  const by = random.pick(copy.others);
  const place = { view: now, sequence: lowWatermark + copy.window, digest: context.anyDigest() };
  const elsewhere = crypto.hash(new Uint8Array([7]));
  const client = crypto.keyPair("drilled client");
  const keyFor = (message: Message) => {
    if (message.kind === "request" || message.kind === "query") return client.privateKey;
    return keyOf(message.kind === "gateway-request" ? message.gateway : message.replica);
  };
  const forge = <M extends Message>({ message, bytes, signature }: Signed<M>): Signed<M> => {
    const kinds: readonly MessageKind[] = ["prepare", "commit", "pre-prepare", "checkpoint", "request", "status"];
    const signatures = [
      () => crypto.createSigner(keyFor(message), elsewhere).sign(message.kind, bytes),
      () =>
        crypto.createSigner(keyFor(message), cluster).sign(random.pick(kinds.filter((k) => k !== message.kind)), bytes),
      () => crypto.createSigner(keyOf(copy.self), cluster).sign(message.kind, bytes),
      () => signature.map((byte, i) => i === 3 ? byte ^ 4 : byte),
      () => new Uint8Array(signature.length),
    ];
    const isOwn = "replica" in message && message.replica === copy.self;
    return { message, bytes, signature: random.pick(isOwn ? signatures.filter((_, i) => i !== 2) : signatures)() };
  };
  const passes = (signed: Signed, body?: Uint8Array) => {
    const accept = signed.message.kind === "query" ? ["query"] as const : undefined;
    return !("reason" in gate.check(encodeFrame(signed, body), accept));
  };
  const commits = context.commits(place);
  const checkpoints = copy.others.slice(0, copy.quorum).map((id) => peers.checkpoint(place.sequence, place.digest, id));
  const certificate = peers.certificate(place);
  const viewChanges = copy.others.slice(0, copy.quorum).map((id) =>
    peers.viewChange(view, id, copy.stable, [certificate])
  );
  const digests: Digest[] = [place.digest];
  const right: readonly Signed[] = [
    peers.prePrepare(place),
    peers.prepare(place, by),
    peers.commit(place, by),
    peers.checkpoint(place.sequence, place.digest, by),
    peers.sign({ ...newStatus(by), view: place.view }),
    peers.sign<Fetch>({ kind: "fetch", replica: by, number: 1, digests }),
  ];
  const carriers: readonly Rebuild[] = [
    (change) => peers.sign({ kind: "decision", replica: by, commits: changedOne(commits, change) }),
    (change) =>
      peers.sign<StableCheckpoint>({
        kind: "stable-checkpoint",
        replica: by,
        checkpoints: changedOne(checkpoints, change),
      }),
    (change) => peers.viewChange(view, by, changedOne(checkpoints, change), []),
    (change) => peers.viewChange(view, by, [], [{ ...certificate, prePrepare: change(certificate.prePrepare) }]),
    (change) => {
      return peers.viewChange(view, by, [], [{ ...certificate, prepares: changedOne(certificate.prepares, change) }]);
    },
    (change) => peers.sign(peers.newView(view, changedOne(viewChanges, change))),
    (change) => {
      const newView = peers.newView(view, viewChanges);
      return peers.sign({ ...newView, prePrepares: changedOne(newView.prePrepares, change) });
    },
  ];
  for (const signed of [...right, ...carriers.map((rebuild) => rebuild((same) => same))]) {
    const { kind } = signed.message;
    context.demand("well-formed", passes(signed), () => `has a gate that turns a ${kind} away that is as it should be`);
    context.demand("authenticity", !passes(forge(signed)), () => `has a gate that takes a forged ${kind}`);
  }
  for (const rebuild of carriers) {
    const signed = rebuild(forge);
    context.demand("authenticity", !passes(signed), () => {
      return `has a gate that takes a ${signed.message.kind} with a forgery in it`;
    });
  }
  const own = { client: client.publicKey as ClientId, operations: [new Uint8Array([1])] };
  const signer = crypto.createSigner(client.privateKey, cluster);
  const request = sign<ClientRequest>(signer, {
    kind: "request",
    session: 1,
    timestamp: 1,
    lowestUnanswered: 1,
    ...own,
  });
  const vouched = sign<GatewayRequest>(crypto.createSigner(keyOf(by), cluster), {
    kind: "gateway-request",
    gateway: by,
    notAfter: context.now,
    operations: [{ name: "drilled", timestamp: random.int(1, 1_000_000), operation: new Uint8Array([1]) }],
  });
  const query = sign<Query>(signer, { kind: "query", client: own.client, nonce: 1, operations: [new Uint8Array([1])] });
  for (const signed of [request, vouched, query] as readonly Signed[]) {
    const { kind } = signed.message;
    context.demand("well-formed", passes(signed), () => `has a gate that turns a ${kind} away that is as it should be`);
    context.demand("authenticity", !passes(forge(signed)), () => `has a gate that takes a forged ${kind}`);
  }
  const proposed = (requests: readonly Signed<ClientRequest | GatewayRequest>[], named?: Digest) => {
    const batch = peers.batch(
      context.now,
      requests.map((signed) => withDigest(signed, crypto.hash)) as SignedRequest[],
    );
    return passes(peers.prePrepare({ ...place, digest: named ?? batch.digest }), batch.bytes);
  };
  context.demand("well-formed", proposed([vouched]), () => `has a gate that turns a batch away`);
  for (const one of [request, vouched]) {
    context.demand("validity", !proposed([forge<ClientRequest | GatewayRequest>(one)]), () => {
      return `has a gate that takes a batch with a forged ${one.message.kind}`;
    });
  }
  context.demand("digests", !proposed([request], context.anyDigest()), () => {
    return `has a gate that takes a body with another digest than its pre-prepare names`;
  });
}

/** Replaces one of them. */
function changedOne<M extends Message>(
  list: readonly Signed<M>[],
  change: (signed: Signed<M>) => Signed<M>,
): readonly Signed<M>[] {
  return list.map((signed, i) => i === list.length - 1 ? change(signed) : signed);
}
