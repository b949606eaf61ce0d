/**
 * Turns a commit into changes of Deno KV keys. A small value is stored under its name, a large one in pieces.
 * @module
 */
import type { Writes } from "../../node/ports.ts";
import { checkValue } from "../check.ts";
import { type Kind, type Layout, MAX_VALUE_BYTES, type Mutation, type Pointer } from "./layout.ts";

/** The values that are stored in pieces: {@linkcode largeName} -> the place of the pieces. */
export type LargeValues = ReadonlyMap<string, Pointer>;

/** The values of a commit, checked. */
export type Values = readonly (readonly [kind: Kind, name: string, value: Uint8Array | null])[];

/** The changes of one commit. */
export interface Changes {
  /** New pieces. Nothing refers to them until `mutations` are made. */
  readonly pieces: readonly Mutation[];
  readonly mutations: readonly Mutation[];
  /** The values that are stored in pieces after the commit. */
  readonly large: LargeValues;
}

/** A name that is unique among records and blobs together. */
export function largeName(kind: Kind, name: string): string {
  return `${kind}/${name}`;
}

/** The values of a commit. @throws {TypeError} if a value is neither bytes nor `null`. */
export function valuesOf({ records, blobs }: Writes): Values {
  const of = (kind: Kind, map: Iterable<readonly [string, Uint8Array | null]>) =>
    Array.from(map, ([name, value]) => [kind, name, checkValue(kind, name, value)] as const);
  return [...of("record", records), ...of("blob", blobs)];
}

/** The changes that a commit makes. `large`: the values that are stored in pieces before it. */
export function changesOf(
  values: Values,
  { layout, large, generation }: { layout: Layout; large: LargeValues; generation: string },
): Changes {
  const pieces: Mutation[] = [];
  const mutations: Mutation[] = [];
  const after = new Map(large);
  for (const [kind, name, value] of values) {
    const key = layout.value(kind, name);
    const indexKey = layout.large(kind, name);
    const before = after.get(largeName(kind, name));
    if (before) mutations.push(...pieceKeys(layout, before).map((piece) => [piece, null] as const));
    if (value === null || value.length <= MAX_VALUE_BYTES) {
      // A copy, because the database would store the whole buffer that a view belongs to.
      mutations.push([key, value && value.slice()]);
      if (before) mutations.push([indexKey, null]);
      after.delete(largeName(kind, name));
      continue;
    }
    const pointer: Pointer = { generation, from: pieces.length, count: Math.ceil(value.length / MAX_VALUE_BYTES) };
    pieceKeys(layout, pointer).forEach((piece, i) => {
      pieces.push([piece, value.slice(i * MAX_VALUE_BYTES, (i + 1) * MAX_VALUE_BYTES)]);
    });
    mutations.push([key, pointer], [indexKey, pointer]);
    after.set(largeName(kind, name), pointer);
  }
  return { pieces, mutations, large: after };
}

/** The keys of the pieces of a large value, in order. */
export function pieceKeys(
  layout: Layout,
  { generation, from, count }: Pointer,
): readonly (readonly (string | number)[])[] {
  return Array.from({ length: count }, (_, i) => layout.piece(generation, from + i));
}

/** Joins the pieces of a large value; `null` if one is missing. */
export function joined(pieces: readonly unknown[]): Uint8Array | null {
  if (!pieces.every((piece) => piece instanceof Uint8Array)) return null;
  const value = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    value.set(piece, at);
    at += piece.length;
  }
  return value;
}
