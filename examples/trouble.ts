/** Why a call waits: a client goes on trying in silence, and people want to know within seconds. */
import type { ClusterFile } from "@pbft/edge/client";

/** A call may take so long before the replicas are looked at, and so often they are looked at from then on, ms. */
const PATIENCE_MS = 1_500;
/** A replica that does not answer within this time is not reached, ms. */
const PROBE_MS = 3_000;

/** Why there can be no answer, in words; `null`: enough replicas answer. Never rejects. */
export async function noQuorum({ genesis, urls }: ClusterFile): Promise<string | null> {
  const names = genesis.replicas.map(({ name }) => name);
  const answers = await Promise.all(names.map((name) => isReached(urls[name]!)));
  const needed = names.length - Math.floor((names.length - 1) / 3);
  const missing = names.filter((_, i) => !answers[i]);
  const answering = names.length - missing.length;
  if (answering >= needed) return null;
  return `no quorum: ${answering} of ${names.length} replicas answer, ${needed} are needed; not reached: ${
    missing.join(", ")
  }`;
}

/** Waits for a call, and tells when it takes long because there is no quorum; `null`: there is one again. */
export async function withTrouble<T>(
  call: Promise<T>,
  cluster: ClusterFile,
  onTrouble: (trouble: string | null) => void,
): Promise<T> {
  let isOver = false;
  let told: string | null = null;
  const tell = (trouble: string | null) => {
    if (trouble !== told) onTrouble(told = trouble);
  };
  const look = async () => {
    const trouble = await noQuorum(cluster);
    if (isOver) return;
    tell(trouble);
    timer = setTimeout(look, PATIENCE_MS);
  };
  let timer = setTimeout(look, PATIENCE_MS);
  try {
    const value = await call;
    tell(null);
    return value;
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}

async function isReached(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    const response = await fetch(`${url.replace(/\/+$/, "")}/healthz`, { signal });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
