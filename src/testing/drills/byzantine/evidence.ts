/**
 * A drill of evidence: a replica that contradicts itself is convicted, and no replica is for repeating itself.
 * @module
 */
import type { Digest } from "../../../core/messages/ids.ts";
import type { Input } from "../../../core/io.ts";
import { MOST_EVIDENCE } from "../../checks/buffers.ts";
import type { DrillContext } from "../context.ts";

/** One of the others sends two messages of which at most one can be true. Another one repeats one of them again and again. */
export function convictsLiars(context: DrillContext): void {
  const { copy, peers, random, world: { genesis } } = context;
  context.needs(context.quieten() && context.room > 0 && context.becomeBackup());
  const [liar, honest] = random.shuffled(copy.others);
  const { view, primary, lowWatermark } = copy.status;
  const against = (accused: number) =>
    copy.status.evidence.filter(({ first }) => first.message.replica === accused).map(({ first }) => first.message);
  const before = against(honest!).length;
  const place = { view, sequence: context.next };
  const checkpointed = lowWatermark + genesis.checkpointInterval;
  const later = context.latestView + random.int(1, 1_000);
  const says = {
    "pre-prepare": (by, digest) => ({ kind: "pre-prepare", prePrepare: peers.prePrepare({ ...place, digest }, by) }),
    "prepare": (by, digest) => ({ kind: "prepare", prepare: peers.prepare({ ...place, digest }, by) }),
    "commit": (by, digest) => ({ kind: "commit", commit: peers.commit({ ...place, digest }, by) }),
    "checkpoint": (by, digest) => ({ kind: "checkpoint", checkpoint: peers.checkpoint(checkpointed, digest, by) }),
    "view-change": (by, digest) => {
      const viewChange = peers.viewChange(later, by, copy.stable, [peers.certificate({ ...place, digest })]);
      return { kind: "view-change", viewChange };
    },
  } satisfies { readonly [kind: string]: (by: typeof primary, digest: Digest) => Input };
  const kind = random.pick(
    ["commit", "checkpoint", "view-change", liar === primary ? "pre-prepare" : "prepare"] as const,
  );
  const known = against(liar!);
  context.needs(known.length < MOST_EVIDENCE.ofOne && copy.status.evidence.length < MOST_EVIDENCE.inAll);
  // Checkpoints and view-changes of a liar that its host has kept may be of a later number or view, and precede these.
  context.needs(!known.some((message) => message.kind === kind) && !copy.kept.has(kind));
  const [one, other] = [context.anyDigest(), peers.empty.digest];
  for (const digest of [one, other, one]) copy.take(says[kind](liar!, digest));
  for (let i = 0; i < 3; i++) copy.take(says.commit(honest!, one));
  context.demand("evidence", against(liar!).some((message) => message.kind === kind), () => {
    return `keeps no evidence against replica ${liar}, which has told it two ${kind}s`;
  });
  context.demand("evidence", against(honest!).length === before, () => {
    return `convicts replica ${honest} of saying one thing three times`;
  });
}
