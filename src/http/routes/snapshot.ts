/**
 * The routes from which a snapshot is saved: `GET /snapshot` gives the last stable checkpoint with its certificate, and
 * `POST /snapshot/blobs` the blobs of its state. They show the whole state, so they are never open to everybody.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { encodeManifest } from "../../snapshot/manifest.ts";
import { headOf } from "../../snapshot/node_source.ts";
import { SnapshotError } from "../../snapshot/snapshot_error.ts";
import type { Plain } from "../../core/io.ts";
import { pack, unpack } from "../../wire/mod.ts";
import type { BodyReader } from "../bodies/body.ts";
import type { HostedNode } from "../hosted_node.ts";
import type { Caller } from "../middleware/callers.ts";
import { CBOR } from "../middleware/submitter.ts";
import { Problem, problem } from "../problem.ts";

/** The routes of snapshots. */
export const SNAPSHOT_ROUTES: readonly string[] = ["/snapshot", "/snapshot/blobs"];

/** The most digests in one request, and the bytes of such a request. */
const MAX_DIGESTS = 256;
const MAX_REQUEST_BYTES = MAX_DIGESTS * 80;

/** `GET /snapshot`: the manifest of a snapshot of the last stable checkpoint. */
export function snapshotHead(node: HostedNode): Response {
  try {
    return new Response(encodeManifest(headOf(node)) as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": "application/json" },
    });
  } catch (error) {
    if (error instanceof SnapshotError) return problem("unavailable", { detail: error.message });
    throw error;
  }
}

/**
 * `POST /snapshot/blobs`: takes a list of digests as CBOR and answers with a list of blobs in their order, as many from
 * the first on as fit into one answer; an empty one stands for a blob that is not there any more.
 */
export async function snapshotBlobs(
  request: Request,
  { node, bodies, caller }: { readonly node: HostedNode; readonly bodies: BodyReader; readonly caller: Caller },
): Promise<Response> {
  return await bodies.read(request, { type: CBOR, maxBytes: MAX_REQUEST_BYTES }, async (body) => {
    const blobs = await node.readBlobs?.(digestsIn(body)) ?? [];
    const answer: Plain = blobs.map((blob) => blob ?? new Uint8Array(0));
    return new Response(pack(answer), { headers: { "content-type": CBOR } });
  }, caller);
}

function digestsIn(body: Uint8Array): readonly Digest[] {
  const expected = `1 to ${MAX_DIGESTS} digests of 64 lower-case hex digits as a CBOR list`;
  const refuse = (got: string) =>
    new Problem("malformed", { detail: `digests: expected ${expected}, got ${got}`, field: "digests", expected, got });
  let digests: Plain;
  try {
    digests = unpack(body);
  } catch (error) {
    throw refuse(`bytes that are not canonical CBOR (${(error as Error).message})`);
  }
  if (!Array.isArray(digests) || digests.length === 0 || digests.length > MAX_DIGESTS) {
    throw refuse(Array.isArray(digests) ? `${digests.length} items` : typeof digests);
  }
  const wrong = digests.find((digest) => typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest));
  if (wrong !== undefined) throw refuse(typeof wrong === "string" ? wrong : typeof wrong);
  return digests as Digest[];
}
