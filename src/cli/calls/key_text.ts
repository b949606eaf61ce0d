/**
 * The keys of a state as people know them.
 * @module
 */
import { decodeKey, encodeKey, type Key } from "../../machines/typed/state/key.ts";

/**
 * The text of a key that a watch names. A key of the key-value machine stays as it is. For a key of a typed machine the
 * text has the collection and the key: `accounts["ada"]`. `null`: a typed machine uses this key for itself, for example
 * for the order in which values expire.
 */
export function keyText(key: string, machine: string): string | null {
  if (machine.startsWith("key-value/")) return key;
  const [, name, kind, rest = ""] = /^([a-z][A-Za-z0-9]*)?([!#])(.*)$/s.exec(key) ?? [];
  if (kind === undefined) return key;
  if (name === undefined || kind === "#") return null;
  if (rest === "") return name;
  try {
    const decoded = decodeKey(rest);
    if (encodeKey(decoded) === rest) return `${name}[${JSON.stringify(decoded)}]`;
  } catch { /* It is of a machine that was written by hand. */ }
  return key;
}

/**
 * The key or prefix to watch for a typed text. `isShown`: whether the text means this key; left out, it means all that
 * come.
 */
export interface WatchedText {
  readonly watched: { readonly key: string } | { readonly prefix: string };
  readonly isShown?: (key: string) => boolean;
}

/**
 * The inverse of {@linkcode keyText}. The name of a collection stands for all its keys. A machine written by hand may
 * have a key that looks like such a name, so a key that equals the typed text is shown, too.
 */
export function watchedKey(text: string, machine: string): WatchedText {
  if (machine.startsWith("key-value/")) return { watched: { key: text } };
  if (/^[a-z][A-Za-z0-9]*$/.test(text)) {
    return { watched: { prefix: text }, isShown: (key) => key === text || key.startsWith(`${text}!`) };
  }
  const [, name, inner = ""] = /^([a-z][A-Za-z0-9]*)\[(.*)\]$/s.exec(text) ?? [];
  return { watched: { key: name === undefined ? text : `${name}!${encodeKey(keyOf(inner))}` } };
}

/** A key in brackets. A shell may have taken the quotes away: `accounts[ada]`. */
function keyOf(inner: string): Key {
  try {
    return JSON.parse(inner);
  } catch {
    return inner;
  }
}
