/**
 * Signed messages inside other messages: the certificates of view-changes and new-views. They keep their exact bytes and
 * signatures, so that every receiver can verify them.
 * @module
 */
import type { Message, Signed } from "../../core/messages/messages.ts";
import { DecodeError } from "../codec/decode_error.ts";
import type { Field } from "../codec/fields.ts";
import { type KindTable, readItems, writeItems } from "./signed_items.ts";

const SIGNED_ITEMS = 3;

/** A field that holds a signed message of one kind. `table` gives the table of all kinds, which contains this field. */
export function nested<M extends Message>(kind: M["kind"], table: () => KindTable): Field<Signed<M>> {
  return {
    write(writer, signed) {
      if (signed.message.kind !== kind) throw new TypeError(`: expected a ${kind}, got a ${signed.message.kind}`);
      writer.array(SIGNED_ITEMS);
      writeItems(table(), writer, signed);
    },
    read(reader, limits) {
      const items = reader.array(SIGNED_ITEMS);
      if (items !== SIGNED_ITEMS) throw new DecodeError("", `an array of ${SIGNED_ITEMS} items`, `one of ${items}`);
      return readItems(table(), reader, limits, kind) as Signed<M>;
    },
  };
}
