/**
 * Asks members of earlier and later epochs, by HTTP.
 * @module
 */
import type { MemberSource } from "../../node/epochs/member_options.ts";
import type { Proposal } from "../../wire/epochs/mod.ts";
import { answeredJson, fromBase64, MAX_BODY_BYTES, readUncompressed, UNCOMPRESSED, unpack } from "../../wire/mod.ts";
import { CBOR } from "../middleware/submitter.ts";

/** The longest refusal that is passed on, characters, and how much of the answer is read for it, bytes. */
const [MAX_DETAIL, MAX_REFUSAL_BYTES] = [300, 4_096];
/** The largest answer, bytes. */
const MAX_ANSWER_BYTES = 2 * MAX_BODY_BYTES;
/** How long an answer may take, ms. */
const TIMEOUT_MS = 5_000;

/** Asks the member at this URL. */
function send(fetch: typeof globalThis.fetch, url: string, path: string, init?: RequestInit): Promise<Response> {
  const at = new URL(path, url.endsWith("/") ? url : `${url}/`);
  const headers = { ...UNCOMPRESSED, ...init?.headers as Readonly<Record<string, string>> | undefined };
  return fetch(at, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS), ...init, headers });
}

/** Runs an exchange when the host has a connection for it, and ends it by the signal. */
type RunExchange = <T>(exchange: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/**
 * The other members as a source of links and of state. Nothing that it gives is trusted: links and blobs are checked.
 */
export function httpSource(fetch: typeof globalThis.fetch = globalThis.fetch, run?: RunExchange): MemberSource {
  const ask = (url: string, path: string, init: RequestInit = {}): Promise<Uint8Array> => {
    const exchange = async (signal = AbortSignal.timeout(TIMEOUT_MS)) => {
      const response = await send(fetch, url, path, { ...init, signal });
      const bytes = await readUncompressed(response, MAX_ANSWER_BYTES);
      if (!response.ok) throw new Error(`${url}: ${path} answered ${response.status}`);
      return bytes;
    };
    return run ? run(exchange) : exchange();
  };
  /** What the member shows to those of the epoch before. */
  const standing = async (url: string) =>
    answeredJson(await ask(url, "epochs?stable")) as {
      readonly stable?: unknown;
      readonly entered?: { readonly member?: unknown; readonly signature?: unknown };
    };
  return {
    async links(url, after) {
      const { links } = answeredJson(await ask(url, `epochs?after=${after}`)) as { links?: unknown };
      if (!Array.isArray(links)) throw new TypeError("links: expected a list");
      return links.map((link) => fromBase64(String(link)));
    },
    async blobs(url, epoch, frame) {
      const init = { method: "POST", headers: { "content-type": CBOR }, body: frame as Uint8Array<ArrayBuffer> };
      const blobs = unpack(await ask(url, `epochs/state?epoch=${epoch}`, init));
      if (!Array.isArray(blobs)) throw new TypeError("blobs: expected a list");
      return blobs.filter((blob) => blob instanceof Uint8Array);
    },
    async stable(url) {
      const { stable } = await standing(url);
      return Array.isArray(stable) ? stable.map((frame) => fromBase64(String(frame))) : [];
    },
    async entered(url) {
      const { entered } = await standing(url);
      if (typeof entered?.member !== "number") return null;
      return { member: entered.member, signature: fromBase64(String(entered.signature)) };
    },
    async poke(url) {
      await ask(url, "epochs", { method: "POST" });
    },
  };
}

/** Asks the member at this URL to approve of a rotation. Returns its signature in hex. @throws with its refusal. */
export async function askApproval(url: string, proposal: Proposal): Promise<string> {
  const response = await send(globalThis.fetch, url, "epochs/approvals", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(proposal),
  });
  const bytes = await readUncompressed(response, MAX_ANSWER_BYTES);
  if (response.ok) return String((answeredJson(bytes) as { readonly signature?: unknown }).signature);
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_REFUSAL_BYTES));
  throw new Error(`answered ${response.status}: ${detailOf(text).slice(0, MAX_DETAIL)}`);
}

/** What a refusal says. A proxy may have written it, in any form. */
function detailOf(text: string): string {
  try {
    return String(JSON.parse(text).detail);
  } catch {
    return text;
  }
}
