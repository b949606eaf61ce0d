/**
 * The building blocks of messages. Each block defines both how a value is written and how it is read, so that the two cannot
 * differ. `kinds.ts` builds the messages from them.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import { DecodeError, inside } from "./decode_error.ts";
import type { WireLimits } from "../messages/limits.ts";
import type { Reader } from "./reader.ts";
import { utf8 } from "./utf8.ts";
import type { Writer } from "./writer.ts";

/** One type of value on the wire. Writing and then reading a value gives an equal value; reading and then writing bytes gives equal bytes. */
export interface Field<T> {
  /** @throws {TypeError} or {@linkcode RangeError} if the value cannot be encoded. */
  write(writer: Writer, value: T): void;
  /** @throws {DecodeError} if the next bytes are not a valid value. */
  read(reader: Reader, limits: WireLimits): T;
}

/** A maximum. It may depend on the limits. */
type Maximum = (limits: WireLimits) => number;

/** A number from 0 to 2^53 - 1. */
export const natural: Field<number> = {
  write: (writer, value) => writer.uint(value),
  read: (reader) => reader.uint(),
};

/** 32 bytes, as 64 hex digits in memory. */
export const hex32: Field<string> = {
  write: (writer, value) => writer.hex32(value),
  read: (reader) => reader.hex32(),
};

/** A {@linkcode View}. */
export const view = natural as Field<View>;
/** A {@linkcode SequenceNumber}. */
export const sequence = natural as Field<SequenceNumber>;
/** A {@linkcode ReplicaId}. The gate of the node checks later that such a member exists. */
export const replica = natural as Field<ReplicaId>;
/** {@linkcode Millis}. */
export const time = natural as Field<Millis>;
/** A {@linkcode Digest}. */
export const digest = hex32 as Field<Digest>;
/** A {@linkcode ClientId}. */
export const client = hex32 as Field<ClientId>;

/** A byte string, read as a view of the frame. */
export function bytes(max: Maximum): Field<Uint8Array> {
  return {
    write: (writer, value) => writer.bytes(value),
    read: (reader, limits) => reader.bytes(max(limits)),
  };
}

/** A byte string, read as a copy. A small value that is kept for long then does not keep a large frame in memory. */
export function copiedBytes(max: Maximum): Field<Uint8Array> {
  return {
    write: (writer, value) => writer.bytes(value),
    read: (reader, limits) => reader.bytes(max(limits)).slice(),
  };
}

/** A text of 1 to `max` bytes. */
export function name(max: number): Field<string> {
  return {
    write(writer, value) {
      if (value === "" || value.length > max || utf8(value).length > max) {
        throw new RangeError(`: expected a text of 1 to ${max} bytes, got ${value.length} characters`);
      }
      writer.text(value);
    },
    read(reader) {
      const value = reader.text(max);
      if (value === "") throw new DecodeError("", `a text of 1 to ${max} bytes`, "an empty text");
      return value;
    },
  };
}

/** One word of a list, written as its index. The order of the words is therefore part of the protocol. */
export function oneOf<T extends string>(...words: readonly T[]): Field<T> {
  return {
    write(writer, value) {
      const place = words.indexOf(value);
      if (place < 0) throw new TypeError(`: expected ${words.join(", ")}, got ${value}`);
      writer.uint(place);
    },
    read(reader) {
      const place = reader.uint();
      const word = words[place];
      if (word === undefined) throw new DecodeError("", `a number below ${words.length}`, `${place}`);
      return word;
    },
  };
}

/** A list of at most `max` items. */
export function list<T>(item: Field<T>, max: Maximum): Field<readonly T[]> {
  return {
    write(writer, values) {
      writer.array(values.length);
      let i = 0;
      try {
        for (; i < values.length; i++) item.write(writer, values[i]!);
      } catch (error) {
        throw inside(`[${i}]`, error);
      }
    },
    read(reader, limits) {
      const count = reader.array(max(limits));
      const values: T[] = [];
      try {
        while (values.length < count) values.push(item.read(reader, limits));
      } catch (error) {
        throw inside(`[${values.length}]`, error);
      }
      return values;
    },
  };
}

/**
 * A list of 1 to `max` items, in which a single item is written without the list around it, as releases did that knew only one. `isList`
 * tells from the next bytes whether a list follows.
 */
export function oneOrMore<T>(
  item: Field<T>,
  { max, isList }: { readonly max: number; readonly isList: (reader: Reader) => boolean },
): Field<readonly T[]> {
  const many = list(item, () => max);
  return {
    write(writer, values) {
      if (values.length < 1 || values.length > max) {
        throw new RangeError(`: expected 1 to ${max} items, got ${values.length}`);
      }
      if (values.length === 1) item.write(writer, values[0]!);
      else many.write(writer, values);
    },
    read(reader, limits) {
      if (!isList(reader)) return [item.read(reader, limits)];
      const values = many.read(reader, limits);
      if (values.length < 2) {
        throw new DecodeError("", "one item without a list, or a list of more", `a list of ${values.length}`);
      }
      return values;
    },
  };
}

/** Checks a value as a whole, after each field by itself was valid. It returns a description of the error, or `undefined`. */
export type Check<T> = (value: T) => { readonly expected: string; readonly got: string } | undefined;

/** One field for each property of `T`. */
export type FieldsOf<T> = { readonly [Name in keyof T]-?: Field<T[Name]> };

/**
 * An object, written as an array of its properties in the order of `fields`. That order is therefore part of the protocol.
 * `check` checks the value as a whole.
 */
export function struct<T>(fields: FieldsOf<T>, check?: Check<T>): Field<T> {
  return tagged({}, fields, check);
}

/**
 * A value that is written in its present form and also read in the form of an earlier release: an array of `count` items. Stores may still
 * hold the earlier form.
 */
export function withEarlier<T, Before>(
  now: Field<T>,
  { count, field, complete }: { count: number; field: Field<Before>; complete: (before: Before) => T },
): Field<T> {
  return {
    write: now.write,
    read: (reader, limits) =>
      reader.peekCount() === count ? complete(field.read(reader, limits)) : now.read(reader, limits),
  };
}

/** A {@linkcode struct} with constant properties, such as `kind`, that are not written because the context gives them. */
export function tagged<T, Tag extends Partial<T>>(
  tag: Tag,
  fields: FieldsOf<Omit<T, keyof Tag>>,
  check?: Check<T>,
): Field<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const parts = Object.values(fields) as Field<unknown>[];
  const count = names.length;
  return {
    write(writer, value) {
      const wrong = check?.(value);
      if (wrong !== undefined) throw new TypeError(`: expected ${wrong.expected}, got ${wrong.got}`);
      writer.array(count);
      let i = 0;
      try {
        for (; i < count; i++) parts[i]!.write(writer, value[names[i]!]);
      } catch (error) {
        throw inside(names[i]!, error);
      }
    },
    read(reader, limits) {
      reader.tuple(count);
      const value: Record<string, unknown> = { ...tag };
      let i = 0;
      try {
        for (; i < count; i++) value[names[i]!] = parts[i]!.read(reader, limits);
      } catch (error) {
        throw inside(names[i]!, error);
      }
      const wrong = check?.(value as T);
      if (wrong !== undefined) throw new DecodeError("", wrong.expected, wrong.got);
      return value as T;
    },
  };
}
