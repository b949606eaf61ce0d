/**
 * Blobs in a store to which nothing in it refers. They would stay there for ever.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Digest } from "../../core/messages/ids.ts";
import type { Plain } from "../../core/io.ts";
import { entriesOf, readPage, readRoot } from "../../core/tree/state_tree.ts";
import { chainIn } from "../../node/storage/identity.ts";
import { RecordReader } from "../../node/storage/record_reader.ts";
import { decodeBatch, unpack } from "../../wire/mod.ts";
import type { Disk } from "./disk.ts";

/** The blobs that are named by no batch's record, not by the state of the last checkpoint, not by a list of blobs to delete, and not by a note of the blobs that were fetched or made. */
export function unnamedBlobs({ records, blobs }: Pick<Disk, "records" | "blobs">, genesis: Genesis): readonly Digest[] {
  const reader = new RecordReader(records, genesis);
  const content = (digest: Digest, list: (plain: Plain) => readonly Digest[]) => {
    const bytes = blobs.get(digest);
    return bytes ? list(unpack(bytes)) : [];
  };
  const { root } = reader.checkpoint() ?? {};
  const pages = root === undefined ? [] : content(root, (plain) => readRoot(plain).pages.map(([, page]) => page));
  const named = new Set([
    ...chainIn({ records }),
    ...reader.accepted().map(({ message }) => message.digest),
    ...reader.former().flatMap(({ bodies }) => bodies.map(({ digest }) => digest)),
    ...reader.prepared().map(({ prePrepare: { message } }) => message.digest),
    ...reader.committed().map(({ digest }) => digest),
    ...reader.retired().flatMap(({ digests }) => digests),
    ...reader.fetched().digests,
    ...root === undefined ? [] : [root],
    ...pages,
    ...pages.flatMap((page) => content(page, (plain) => entriesOf(readPage(plain)).map(([, chunk]) => chunk))),
  ]);
  return [...blobs.keys()].filter((digest) => !named.has(digest));
}

/** Whether a blob is a batch's body. */
export function isBody(bytes: Uint8Array, genesis: Genesis): boolean {
  try {
    // Bytes without requests might be something else.
    return decodeBatch(bytes, genesis.limits).requests.length > 0;
  } catch {
    return false;
  }
}
