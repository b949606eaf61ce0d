/**
 * Links that prove nothing, made by a liar of the links that it has and with its keys. Nobody may follow them.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import { sign } from "../../node/environment.ts";
import type { Signer } from "../../node/ports.ts";
import {
  type Approved,
  type Configuration,
  decodeConfiguration,
  decodeLink,
  encodeConfiguration,
  encodeLink,
  type Link,
  plainApprovals,
} from "../../wire/epochs/mod.ts";
import { decodeFrame, encodeFrame, fromHex, pack, unpack } from "../../wire/mod.ts";
import { entriesOf, readPage, readRoot } from "../../core/tree/state_tree.ts";
import { CONFIGURATION_CHUNK, pendingOf, plainOf } from "../../core/epochs/pending.ts";
import type { Plain } from "../../core/io.ts";
import type { Random } from "../random.ts";
import { seatOf, type World } from "../world/world.ts";

/** The material of a liar. */
export interface Lie {
  /** The true links after that epoch. */
  readonly links: readonly Uint8Array[];
  readonly after: number;
  readonly host: ReplicaId;
  readonly random: Random;
}

/** Links that are shown instead of the true ones after an epoch. */
export function forgedLinks(world: World, { links, after, host, random }: Lie): readonly Uint8Array[] {
  const of = world.epochs?.all[after];
  world.coverage.count("epochs", "forged links");
  const known = world.epochs?.links() ?? [];
  if (!of || known.length === 0) return random.chance(0.5) ? [] : [new Uint8Array(random.int(0, 40))];
  try {
    const link = decodeLink(links[0] ?? known.at(-1)!);
    const liar = { publicKeys: [world.hosts.keyOf(host).publicKey], seat: seatOf(of, host) };
    return [forged(of, { link, known, random, signers: signersOf(of, liar.publicKeys) }), ...links.slice(1)];
  } catch {
    return [];
  }
}

/** The signers in an epoch to which these keys belong, by seat. */
export function signersOf({ epoch, crypto, hosts }: World, publicKeys: readonly string[]): ReadonlyMap<number, Signer> {
  const { replicas } = epoch.genesis;
  return new Map(
    replicas.flatMap(({ publicKey }, seat) =>
      publicKeys.includes(publicKey)
        ? [[seat, crypto.createSigner(hosts.privateKeyOf(publicKey), epoch.context, epoch.number)] as const]
        : []
    ),
  );
}

/** What a forger has: a true link, perhaps of another epoch, all links, and some members' keys. */
export interface Material {
  readonly link: Link;
  readonly known: readonly Uint8Array[];
  readonly random: Random;
  readonly signers: ReadonlyMap<number, Signer>;
  readonly approvers?: ReadonlyMap<number, Signer>;
}

/** One forged link after the epoch of `of`. */
export function forged(of: World, { link, known, random, ...by }: Material): Uint8Array {
  const { certificate, proof } = link;
  const [first] = certificate;
  const other = decodeLink(random.pick(known));
  const seen = of.epochs?.approved.get(of.epoch.number) ?? [];
  const approved: Own = seen.length > 0 ? { ...by, approved: random.pick(seen) } : by;
  const { message } = decodeFrame(first!).signed;
  const end = message.kind === "checkpoint" ? message.sequence : undefined;
  return random.pick<() => Uint8Array>([
    // Too few checkpoint messages, or one several times.
    () => encodeLink({ certificate: certificate.slice(0, random.int(1, certificate.length - 1)), proof }),
    () => encodeLink({ certificate: certificate.map(() => first!), proof }),
    // Of a mixture.
    () => encodeLink({ certificate, proof: other.proof }),
    () => encodeLink({ certificate: other.certificate, proof }),
    () => encodeLink({ certificate: [...certificate.slice(1), ...other.certificate.slice(0, 1)], proof }),
    () => random.pick(known),
    () => flipped(encodeLink(link), random),
    // Another configuration, for which the liars sign whatever they can.
    () => encodeLink(ownLink(of, link, by)),
    () => encodeLink({ ...ownLink(of, link, by), certificate }),
    () => encodeLink({ certificate: ownLink(of, link, by).certificate, proof }),
    // A configuration that was rightly approved, after another state, or instead of the one that was accepted.
    () => encodeLink(ownLink(of, link, approved)),
    () => encodeLink({ ...ownLink(of, link, { ...approved, closesAt: end }), certificate }),
  ])();
}

/** What a forger puts in its own link, and with whose keys. */
export interface Own {
  /** Who signs checkpoints, by seat. */
  readonly signers: ReadonlyMap<number, Signer>;
  /** Who signs approvals, by seat; by default those who sign checkpoints, with their keys. */
  readonly approvers?: ReadonlyMap<number, Signer>;
  /** What differs in the configuration that follows; by default nothing. */
  readonly changes?: Partial<Configuration>;
  /** A configuration that members have approved of, which follows instead. */
  readonly approved?: Approved | undefined;
  /** The number at which the epoch ends; by default the first that is possible. */
  readonly closesAt?: number | undefined;
}

/** A link to a configuration that the forgers approve of. Each of them signs what it can in its own name, and in that of others. */
export function ownLink(
  of: Pick<World, "epoch" | "crypto" | "hosts">,
  { certificate, proof: [root, page, chunk] }: Link,
  { signers, approvers, changes, approved, closesAt }: Own,
): Link {
  const { message } = decodeFrame(certificate[0]!).signed;
  if (message.kind !== "checkpoint") return { certificate, proof: [root, page, chunk] };
  const [id, content] = unpack(chunk) as [string, Uint8Array];
  const pending = pendingOf(unpack(content));
  const { epoch, crypto } = of;
  const K = epoch.genesis.checkpointInterval;
  const sequence = closesAt ?? (Math.floor((epoch.start?.sequence ?? 0) / K) + 1) * K;
  const configuration = approved?.configuration ?? encodeConfiguration({
    ...decodeConfiguration(pending.configuration),
    epoch: epoch.number + 1,
    previous: epoch.context,
    cluster: epoch.cluster,
    ...changes,
  });
  const hash = crypto.hash(configuration);
  const approverOf = (member: number) => {
    const key = of.hosts.privateKeyOf(epoch.genesis.replicas[member]!.publicKey);
    return approvers?.get(member) ?? crypto.createSigner(key, epoch.cluster, epoch.number + 1);
  };
  const approvals = approved ? plainApprovals(approved.approvals) : [...signers.keys()].map((member): Plain => {
    return [member, approverOf(member).sign("configuration", fromHex(hash))];
  });
  const own = { epoch: epoch.number + 1, closesAt: sequence as SequenceNumber, configuration, approvals };
  const newChunk = pack([id, pack(plainOf(own))]);
  const newPage = replaced(page, CONFIGURATION_CHUNK, crypto.hash(newChunk));
  const newRoot = withPage(root, { before: crypto.hash(page), after: crypto.hash(newPage), sequence });
  const digest = crypto.hash(newRoot);
  const members = epoch.genesis.replicas.map((_, seat) => seat);
  const frames = members.flatMap((replica) => {
    const signer = signers.get(replica) ?? [...signers.values()][0];
    if (!signer) return [];
    const said = {
      kind: "checkpoint",
      replica: replica as ReplicaId,
      sequence: sequence as SequenceNumber,
      digest,
    } as const;
    return [encodeFrame(sign(signer, said))];
  });
  const honest = frames.filter((_, replica) => signers.has(replica));
  return { certificate: honest.length >= members.length - 1 ? honest : frames, proof: [newRoot, newPage, newChunk] };
}

/** The page with another digest for a chunk. */
function replaced(page: Uint8Array, chunk: string, digest: Digest): Uint8Array {
  const old = entriesOf(readPage(unpack(page))).find(([id]) => id === chunk)?.[1];
  return old === undefined ? page : withDigest(page, old, digest);
}

function withPage(
  root: Uint8Array,
  { before, after, sequence }: { readonly before: Digest; readonly after: Digest; readonly sequence: number },
): Uint8Array {
  const changed = withDigest(root, before, after);
  const old = readRoot(unpack(root)).sequence;
  const plain = unpack(changed) as Plain[];
  return pack(plain.map((part) => part === old ? sequence : part));
}

/** The same plain value with another digest in one place, wherever it is. */
function withDigest(bytes: Uint8Array, before: Digest, after: Digest): Uint8Array {
  const change = (plain: Plain): Plain => {
    if (plain === before) return after;
    if (plain instanceof Uint8Array && plain.length === 32 && hexOf(plain) === before) return fromHex(after);
    return Array.isArray(plain) ? (plain as readonly Plain[]).map(change) : plain;
  };
  return pack(change(unpack(bytes)));
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  changed[random.int(0, changed.length - 1)]! ^= 1 << random.int(0, 7);
  return changed;
}
