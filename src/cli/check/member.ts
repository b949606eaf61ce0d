/**
 * Asks one member of a cluster how it is.
 * @module
 */
import { type EvidenceItem, verifyEvidence } from "../../client/mod.ts";
import type { Member } from "../../core/config.ts";
import { clusterId } from "../../crypto/mod.ts";
import type { ClusterFile } from "../../wire/mod.ts";
import { boundedJson, type MemberStatus, parseStatus, plainText } from "./answers.ts";
import { type KeyProof, proveKey } from "./prove_key.ts";

/** What one member said, as far as it concerns us. */
export interface MemberReport {
  readonly name: string;
  readonly url: string;
  /** `null`: none that could be read. */
  readonly status: MemberStatus | null;
  /** Why there is no status. */
  readonly failure?: string;
  /** What `/readyz` says, of a member that does not show us its status. */
  readonly readiness?: { readonly ready: boolean; readonly reason: string };
  /** Its clock less ours, ms; `null`: not known. */
  readonly skewMs: number | null;
  /** Whether it showed that it holds the member's key. */
  readonly key: KeyProof;
  /** Members that have contradicted themselves, by evidence that it has and that was checked. */
  readonly proven: readonly string[];
}

/** A member that does not answer for so long is unreachable, ms. */
const TIMEOUT_MS = 5_000;
/** So much evidence of one member is looked at. */
const MAX_EVIDENCE = 64;

/** Asks it; `token`: what a member wants to see before it shows its status. Never rejects. */
export async function askMember(
  cluster: ClusterFile,
  { name, publicKey }: Member,
  token?: string,
): Promise<MemberReport> {
  const url = cluster.urls[name]!;
  const unknown = { name, url, status: null, skewMs: null, key: "none", proven: [] } as const;
  const base = url.endsWith("/") ? url : `${url}/`;
  const began = Date.now();
  let response: Response;
  try {
    response = await get(new URL("status", base), token);
  } catch (error) {
    return { ...unknown, failure: isTimeout(error) ? "no answer in time" : "unreachable" };
  }
  try {
    const json = await boundedJson(response);
    const proof = { url: base, cluster: clusterId(cluster.genesis), publicKey, timeoutMs: TIMEOUT_MS };
    if (response.status === 403) {
      const readiness = await readinessOf(base);
      const failure = "does not show us its status (see --read-token-file)";
      return { ...unknown, failure, readiness, key: await proveKey(proof).catch(() => "none" as const) };
    }
    if (!response.ok) return { ...unknown, failure: `answers ${response.status}${detailOf(json)}` };
    const status = parseStatus(json);
    const skewMs = status.now - (began + Date.now()) / 2;
    const [key, proven] = await Promise.all([
      proveKey(proof).catch(() => "none" as const),
      provenBy(cluster, base, token),
    ]);
    return { name, url, status, skewMs, key, proven };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      ...unknown,
      failure: isTimeout(error) ? "no answer in time" : `its status can't be read: ${plainText(why)}`,
    };
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function detailOf(json: unknown): string {
  const detail = typeof json === "object" && json !== null && "detail" in json ? json.detail : undefined;
  return typeof detail === "string" ? `: ${plainText(detail)}` : "";
}

/** Whom this member's evidence convicts. What proves nothing, or is not given to us, convicts nobody. */
async function provenBy(cluster: ClusterFile, base: string, token?: string): Promise<readonly string[]> {
  const proven = new Set<string>();
  try {
    const response = await get(new URL("evidence", base), token);
    const json = await boundedJson(response) as { readonly evidence?: unknown };
    if (!response.ok || !Array.isArray(json?.evidence)) return [];
    for (const item of json.evidence.slice(0, MAX_EVIDENCE)) {
      const misconduct = await verifyEvidence(cluster, item as EvidenceItem).catch(() => null);
      if (misconduct) proven.add(misconduct.name);
    }
  } catch { /* it has none for us */ }
  return [...proven];
}

async function readinessOf(base: string): Promise<{ readonly ready: boolean; readonly reason: string }> {
  const response = await get(new URL("readyz", base));
  return { ready: response.ok, reason: `answers ${response.status}${detailOf(await boundedJson(response))}` };
}

function get(url: URL, token?: string): Promise<Response> {
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "manual", headers });
}
