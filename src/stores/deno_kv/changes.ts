/**
 * A commit to a Deno KV database as changes of keys: small values under their names, large ones in pieces.
 * @module
 */
import type { Writes } from "../../node/ports.ts";
import { checkValue } from "../check.ts";
import { type Kind, type Layout, MAX_VALUE_BYTES, type Mutation, type Pointer } from "./layout.ts";

/** Which values are in pieces: {@linkcode largeName} -> where. */
export type LargeValues = ReadonlyMap<string, Pointer>;

/** Values to write, checked. */
export type Values = readonly (readonly [kind: Kind, name: string, value: Uint8Array | null])[];

/** What a commit changes. */
export interface Changes {
  /** New pieces: nothing points at them before `mutations` are made. */
  readonly pieces: readonly Mutation[];
  readonly mutations: readonly Mutation[];
  /** As it is afterwards. */
  readonly large: LargeValues;
}

/** Names a value among those of both kinds. */
export function largeName(kind: Kind, name: string): string {
  return `${kind}/${name}`;
}

/** What is to be written. @throws {TypeError} if a value is neither bytes nor `null`. */
export function valuesOf({ records, blobs }: Writes): Values {
  const of = (kind: Kind, map: Iterable<readonly [string, Uint8Array | null]>) =>
    Array.from(map, ([name, value]) => [kind, name, checkValue(kind, name, value)] as const);
  return [...of("record", records), ...of("blob", blobs)];
}

/** Works out what changes; `large`: which values are in pieces now. */
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
      // Sliced: of a part of a larger buffer all of the buffer would be stored.
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

/** The keys of a large value's pieces, in order. */
export function pieceKeys(
  layout: Layout,
  { generation, from, count }: Pointer,
): readonly (readonly (string | number)[])[] {
  return Array.from({ length: count }, (_, i) => layout.piece(generation, from + i));
}

/** Puts a large value together again; null if a piece is missing. */
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
