/**
 * Asks one member of a cluster for its status.
 * @module
 */
import type { Misconduct } from "../../client/mod.ts";
import type { Member } from "../../core/config.ts";
import type { Followed } from "../members/follow.ts";
import { ask, boundedJson, type MemberStatus, parseStatus, plainText } from "./answers.ts";
import { misconductShown } from "./misconduct.ts";
import { type KeyProof, proveKey } from "./prove_key.ts";

/** The answers of one member, as far as `check` uses them. */
export interface MemberReport {
  readonly name: string;
  readonly url: string;
  /** `null`: the member gave no status that could be read. */
  readonly status: MemberStatus | null;
  /** Why there is no status. */
  readonly failure?: string;
  /** The answer of `/readyz`, if the member refused to show its status. */
  readonly readiness?: { readonly ready: boolean; readonly reason: string };
  /** Its clock minus this machine's clock, ms; `null` if unknown. */
  readonly skewMs: number | null;
  /** Whether it proved that it holds the member's key. */
  readonly key: KeyProof;
  /** The misconduct of members that is proven by evidence that this member has. The evidence was verified. */
  readonly proven: readonly Misconduct[];
}

/** A member that does not answer within this time counts as unreachable, ms. */
const TIMEOUT_MS = 5_000;
/** A longer answer with evidence is not read, bytes: a member gives up to 9 MiB of messages, in base64. */
const MAX_EVIDENCE_BYTES = 16 * 1024 * 1024;

/**
 * Asks a member of the present epoch. `token`: the token that members require before they show their status. Never
 * rejects.
 */
export async function askMember(
  known: Pick<Followed, "epochs" | "present">,
  { name, publicKey }: Member,
  token?: string,
): Promise<MemberReport> {
  const { present } = known;
  const url = present.urls[name]!;
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
    const proof = { url: base, epoch: present, publicKey, timeoutMs: TIMEOUT_MS };
    if (response.status === 403) {
      const readiness = await readinessOf(base);
      const failure = "refuses to show its status (see --read-token-file)";
      return { ...unknown, failure, readiness, key: await proveKey(proof).catch(() => "none" as const) };
    }
    const held = response.status === 410 ? heldKey(json) : null;
    if (held !== null && held !== publicKey) {
      return { ...unknown, key: "not-held", failure: `the server at this URL has key ${held}, not ${name}'s` };
    }
    if (!response.ok) return { ...unknown, failure: `answers ${response.status}${detailOf(json)}` };
    const status = parseStatus(json);
    const skewMs = status.now - (began + Date.now()) / 2;
    const [key, proven] = await Promise.all([
      proveKey(proof).catch(() => "none" as const),
      provenBy(known, base, token),
    ]);
    return { name, url, status, skewMs, key, proven };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      ...unknown,
      failure: isTimeout(error) ? "no answer in time" : `its status cannot be read: ${plainText(why)}`,
    };
  }
}

/** The key of a server that is no member, as it says. */
export function heldKey(json: unknown): string | null {
  const { publicKey } = json as { readonly publicKey?: unknown } | null ?? {};
  return typeof publicKey === "string" && /^[0-9a-f]{64}$/.test(publicKey) ? publicKey : null;
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function detailOf(json: unknown): string {
  const detail = typeof json === "object" && json !== null && "detail" in json ? json.detail : undefined;
  return typeof detail === "string" ? `: ${plainText(detail)}` : "";
}

/** The misconduct that this member's evidence proves. Evidence that is not valid or not shown proves nothing. */
async function provenBy(
  { epochs }: Pick<Followed, "epochs">,
  base: string,
  token?: string,
): Promise<readonly Misconduct[]> {
  try {
    const response = await get(new URL("evidence", base), token);
    const json = await boundedJson(response, MAX_EVIDENCE_BYTES) as { readonly evidence?: unknown };
    return response.ok && Array.isArray(json?.evidence) ? await misconductShown(epochs, json.evidence) : [];
  } catch {
    return []; // it shows no evidence
  }
}

async function readinessOf(base: string): Promise<{ readonly ready: boolean; readonly reason: string }> {
  const response = await get(new URL("readyz", base));
  return { ready: response.ok, reason: `answers ${response.status}${detailOf(await boundedJson(response))}` };
}

function get(url: URL, token?: string): Promise<Response> {
  return ask(url, { timeoutMs: TIMEOUT_MS, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
}
