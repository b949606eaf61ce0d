/**
 * A replica behind its HTTP interface as the source of a snapshot.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { decodeManifest } from "../../snapshot/manifest.ts";
import { SnapshotError } from "../../snapshot/snapshot_error.ts";
import type { SnapshotSource } from "../../snapshot/save.ts";
import { pack, readUncompressed, unpack } from "../../wire/mod.ts";
import { ask as fetchFrom } from "../check/answers.ts";

/** The replica, and what it requires. */
export interface ReplicaSourceOptions {
  /** Its base URL. */
  readonly url: string;
  /** Its token for readers. */
  readonly token?: string | undefined;
  /** How long one answer may take, ms. */
  readonly timeoutMs: number;
}

/** The largest answer, bytes: 1 MiB or one blob. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** The largest manifest, bytes: it holds the whole chain of epochs. */
const MAX_HEAD_BYTES = 64 * 1024 * 1024;

/** The replica as a source. */
export function replicaSource({ url, token, timeoutMs }: ReplicaSourceOptions): SnapshotSource {
  const base = url.endsWith("/") ? url : `${url}/`;
  const ask = async (
    path: string,
    body?: Uint8Array<ArrayBuffer>,
    maxBytes = MAX_ANSWER_BYTES,
  ): Promise<Uint8Array> => {
    const { status, bytes } = await answerOf(new URL(path, base), {
      ...(body && { method: "POST", body }),
      headers: {
        ...(body && { "content-type": "application/cbor" }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    }, { timeoutMs, maxBytes });
    if (status === 200) return bytes;
    throw new SnapshotError(`${new URL(path, base)} answers ${status}: ${detailIn(bytes)}`);
  };
  return {
    head: async () => decodeManifest(await ask("snapshot", undefined, MAX_HEAD_BYTES)),
    async read(digests: readonly Digest[]) {
      const blobs = unpack(await ask("snapshot/blobs", pack(digests)));
      if (!Array.isArray(blobs)) throw new SnapshotError("expected a list of blobs, got something else");
      return blobs.map((blob) => blob instanceof Uint8Array && blob.length > 0 ? blob : null);
    },
  };
}

/** An answer whose body is read. @throws {SnapshotError} if there is none in time. */
async function answerOf(
  url: URL,
  init: RequestInit,
  { timeoutMs, maxBytes }: { readonly timeoutMs: number; readonly maxBytes: number },
): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
  try {
    const response = await fetchFrom(url, { ...init, timeoutMs });
    return { status: response.status, bytes: await readUncompressed(response, maxBytes) };
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
    throw new SnapshotError(`${url} gives no whole answer in ${timeoutMs / 1_000} s`);
  }
}

/** The detail of a problem. */
function detailIn(bytes: Uint8Array): string {
  try {
    const { detail } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly detail?: unknown };
    return typeof detail === "string" ? detail.slice(0, 300) : "no detail";
  } catch {
    return "no detail";
  }
}
