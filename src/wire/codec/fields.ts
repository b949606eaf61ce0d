/**
 * The parts that messages are made of. Each knows how it is written and how it is read, so that the two can't drift
 * apart; `kinds.ts` puts them together.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../core/messages/ids.ts";
import { DecodeError, inside } from "./decode_error.ts";
import type { WireLimits } from "../messages/limits.ts";
import type { Reader } from "./reader.ts";
import { utf8 } from "./utf8.ts";
import type { Writer } from "./writer.ts";

/** One kind of value on the wire. `write` then `read` gives an equal value; `read` then `write`, equal bytes. */
export interface Field<T> {
  /** @throws {TypeError} or {@linkcode RangeError} if the value can't be written. */
  write(writer: Writer, value: T): void;
  /** @throws {DecodeError} if something else comes. */
  read(reader: Reader, limits: WireLimits): T;
}

/** A maximum, which may depend on the limits. */
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
/** A {@linkcode ReplicaId}; whether there is such a member is for the gate to say. */
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

/** A byte string, read as a copy, so that keeping a small one doesn't keep a large frame. */
export function copiedBytes(max: Maximum): Field<Uint8Array> {
  return {
    write: (writer, value) => writer.bytes(value),
    read: (reader, limits) => reader.bytes(max(limits)).slice(),
  };
}

/** A text of at least one byte and at most `max`. */
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
      if (value === "") throw new DecodeError("", `a text of 1 to ${max} bytes`, "an empty one");
      return value;
    },
  };
}

/** One of some words, written as its place among them: their order is part of the protocol. */
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

/** A list of at most so many items. */
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

/** Says what is wrong with a value whose fields are right, each by itself. */
export type Check<T> = (value: T) => { readonly expected: string; readonly got: string } | undefined;

/** A field of each property of `T`. */
export type FieldsOf<T> = { readonly [Name in keyof T]-?: Field<T[Name]> };

/**
 * An object, written as an array of its properties in the order of `fields`, which is thereby part of the protocol.
 * `check` says what was expected of a value as a whole and what came instead, if anything is wrong.
 */
export function struct<T>(fields: FieldsOf<T>, check?: Check<T>): Field<T> {
  return tagged({}, fields, check);
}

/** What is written in its present form, and read in that of an earlier release too, an array of `count` items. Stores keep such. */
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

/** A {@linkcode struct} with properties that are not written, because the place says them. */
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
