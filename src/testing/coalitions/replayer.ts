/**
 * An attacker on the network who records a replica's messages and replays them at a high rate. Their signatures stay
 * valid.
 * @module
 */
import { frameKind } from "../../wire/mod.ts";
import type { Cluster } from "../world/cluster.ts";
import type { Tap } from "../world/network.ts";
import type { Fault } from "../plan/plan.ts";
import { Random } from "../random.ts";

/** Most frames that are kept. */
const MEMORY = 50;
/** Messages in one POST, and the most POSTs a second. */
const POSTS_PER_SECOND = 20;

/** Starts; returns a function that stops it. */
export function replay(cluster: Cluster, { what, of, to, perSecond }: Extract<Fault, { kind: "replays" }>): () => void {
  const { engine, network, coverage } = cluster.world;
  const random = new Random(of * 1_009 + to * 31 + perSecond);
  const kept: Uint8Array[] = [];
  let isOver = false;
  const tap: Tap = (from, frames) => {
    if (from.replica !== of) return;
    for (const frame of frames) {
      if (frameKind(frame) !== what) continue;
      if (kept.length < MEMORY) kept.push(frame);
      else kept[random.int(0, MEMORY - 1)] = frame;
    }
  };
  network.taps.add(tap);
  const post = () => {
    if (isOver || cluster.isHealed) return;
    engine.after(1_000 / POSTS_PER_SECOND, post);
    if (kept.length === 0) return;
    const count = Math.max(1, Math.round(perSecond / POSTS_PER_SECOND));
    coverage.count("replayed", what, count);
    network.replay(to, Array.from({ length: count }, () => random.pick(kept)));
  };
  post();
  return () => {
    isOver = true;
    network.taps.delete(tap);
  };
}
