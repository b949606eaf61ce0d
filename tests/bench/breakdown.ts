/**
 * Where a lone operation's milliseconds go, from the replicas' own measurements.
 * @module
 */
import { createWebSigner, createWebVerifier, generateWebKeyPair, webSha256 } from "../../src/crypto/web.ts";
import type { Digest } from "../../src/core/messages/ids.ts";
import type { Measured } from "./measure.ts";
import { observed, type Sample, total } from "./metrics.ts";
import { percentile } from "./stats.ts";

/** One part. Parts follow each other, save those `within` another. */
export interface Part {
  readonly name: string;
  readonly ms: number;
  readonly within?: boolean;
}

const STAGES = [["pre-prepared", "prepared"], ["prepared", "committed"], ["committed", "executed"]] as const;

/** Splits the median latency of a lone caller. */
export async function breakdown(measured: Measured): Promise<Part[]> {
  const [before, after] = measured.metrics;
  const primary = after.findIndex((samples) => total(samples, "pbft_is_primary") === 1);
  const atPrimary = [before[primary]!, after[primary]!] as const;
  const { sign, verify } = await clientCryptoMs();
  const parts: Part[] = [{ name: "the client signs and hashes the request", ms: sign }];
  for (const [from, to] of STAGES) {
    const { count, mean } = observed(atPrimary, "pbft_stage_seconds", { from, to });
    if (count > 0) parts.push({ name: `${from} -> ${to}, at the primary`, ms: mean * 1000 });
  }
  parts.push({ name: "the client verifies a reply", ms: verify });
  const known = parts.reduce((sum, { ms }) => sum + ms, 0);
  const rest = "the rest: POST to the primary, verification, reply's commit and signature, POST's answer";
  return [...parts, { name: rest, ms: measured.p50Ms.median - known }, ...storeParts(measured, atPrimary)];
}

function storeParts(measured: Measured, atPrimary: readonly [readonly Sample[], readonly Sample[]]): Part[] {
  const { count, mean } = observed(atPrimary, "pbft_store_commit_seconds");
  const batches = total(atPrimary[1], "pbft_batches_total") - total(atPrimary[0], "pbft_batches_total");
  const perBatch = count / batches;
  if (!(perBatch > 0) || measured.callers !== 1) return [];
  const name = `of these, the primary's store: ${perBatch.toFixed(1)} commits of ${(mean * 1000).toFixed(2)} ms each`;
  return [{ name, ms: perBatch * mean * 1000, within: true }];
}

/** Median times of what the client does by itself, ms. */
async function clientCryptoMs(): Promise<{ readonly sign: number; readonly verify: number }> {
  const cluster = "00".repeat(32) as Digest;
  const signer = await createWebSigner((await generateWebKeyPair()).privateKey, cluster);
  const verifier = createWebVerifier(cluster);
  const bytes = new Uint8Array(200);
  const signature = await signer.sign("request", bytes);
  return {
    sign: await medianMs(() => Promise.all([signer.sign("request", bytes), webSha256(bytes)])),
    verify: await medianMs(() => verifier.verify(signer.publicKey, "request", bytes, signature)),
  };
}

async function medianMs(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return percentile(times.sort((a, b) => a - b), 0.5);
}
