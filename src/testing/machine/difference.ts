/**
 * Where two results or two chunks differ first, as a path.
 * @module
 */
import { decodeKey } from "../../machines/typed/state/key.ts";
import { type PathKey, pathText } from "../../machines/typed/values/path.ts";
import { shown } from "../world/observed_core.ts";
import { short } from "./finding.ts";
import type { Chunks } from "./trial.ts";

/** The first path at which two byte strings differ: in JSON a path such as `.balance`, elsewhere a byte; `null`: they are equal. */
export function differenceOf(a: Uint8Array | undefined, b: Uint8Array | undefined): string | null {
  if (!a || !b) return a === b ? null : ".";
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0 && a.length === b.length) return null;
  const [x, y] = [parsed(a), parsed(b)];
  const path = x && y ? firstPath(x.value, y.value) : null;
  return path ? pathText(path) : `byte ${at < 0 ? a.length : at}`;
}

/** As {@linkcode differenceOf}, for chunks: those of typed machines name the collection and the key. */
export function stateDifferenceOf(a: Uint8Array | undefined, b: Uint8Array | undefined): string | null {
  const [x, y] = [entriesOf(a), entriesOf(b)];
  if (!x || !y || (x.size === 0 && y.size === 0)) return differenceOf(a, b);
  for (const key of [...new Set([...x.keys(), ...y.keys()])].sort()) {
    const [ours, theirs] = [x.get(key), y.get(key)];
    if (ours === theirs) continue;
    const path = ours === undefined || theirs === undefined ? "" : differenceOf(bytes(ours), bytes(theirs)) ?? "";
    return `${placeOf(key)}${path === "." ? "" : path}`;
  }
  return differenceOf(a, b);
}

/** The first chunk that differs between two states; `null`: they are equal. */
export function differentChunk(a: Chunks, b: Chunks): string | null {
  for (const id of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    if (differenceOf(a.get(id), b.get(id)) !== null) return id;
  }
  return null;
}

/** A chunk for people. */
export function textOfChunk(chunks: Chunks, id: string): string {
  const chunk = chunks.get(id);
  return chunk ? short(shown(chunk)) : "nothing";
}

/** The entries of a chunk of an ordered map: its depth, then keys and values in turn. `null`: it is none. */
function entriesOf(chunk: Uint8Array | undefined): ReadonlyMap<string, string> | null {
  if (!chunk) return new Map();
  const value = parsed(chunk)?.value;
  if (!Array.isArray(value) || value.length % 2 === 0 || typeof value[0] !== "number") return null;
  const entries = value.slice(1);
  if (!entries.every((text): text is string => typeof text === "string")) return null;
  return new Map(entries.flatMap((key, i) => i % 2 === 0 ? [[key, entries[i + 1]!] as const] : []));
}

/** `accounts["ada"]` for `accounts!sada`, `next` for `next!`. Other keys as they are. */
function placeOf(key: string): string {
  const [, name, rest] = /^([a-z][A-Za-z0-9]*)!(.*)$/s.exec(key) ?? [];
  try {
    if (name !== undefined) return rest === "" ? name : `${name}[${JSON.stringify(decodeKey(rest!))}]`;
  } catch { /* It is a key of another machine. */ }
  return JSON.stringify(key);
}

function parsed(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(shown(bytes)) };
  } catch {
    return null;
  }
}

function firstPath(a: unknown, b: unknown): PathKey[] | null {
  if (Object.is(a, b)) return null;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return [];
  if (Array.isArray(a) !== Array.isArray(b)) return [];
  const [x, y] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  for (const key of new Set([...x.keys(), ...y.keys()])) {
    const path = x.has(key) && y.has(key) ? firstPath(x.get(key), y.get(key)) : [];
    if (path) return [Array.isArray(a) ? Number(key) : key, ...path];
  }
  return null;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
